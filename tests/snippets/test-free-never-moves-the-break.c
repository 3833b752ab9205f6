// SPDX-License-Identifier: BSD-3-Clause
/*
 * The break stays where it was when the last blocks are freed (R1): what comes
 * later finds all of the grown heap without another system call.
 */
#include "snippet.h"

int main(void)
{
	void *blocks[3], *all, *rest;

	for (int i = 0; i < 3; i++)
		blocks[i] = xmalloc(60000);
	for (int i = 2; i >= 0; i--)
		xfree(blocks[i]);
	all = xmalloc(131000);
	rest = xmalloc(48968);
	xfree(rest);
	xfree(all);
	return 0;
}
