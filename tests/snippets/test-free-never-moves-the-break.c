// SPDX-License-Identifier: BSD-3-Clause
/*
 * The break stays where it was when the last blocks are freed (R1): what comes
 * later finds all of the grown heap without another system call.
 */
#include "snippet.h"

int main(void)
{
	void *blocks[3], *all;

	for (int i = 0; i < 3; i++)
		blocks[i] = xmalloc(60000);
	for (int i = 2; i >= 0; i--)
		xfree(blocks[i]);
	all = xmalloc(131000);
	CHECK(all == blocks[0], "the grown heap is not one free block (H1)");
	CHECK(xmalloc(48968) == behind(all), "the break moved down (R1)");
	xfree(behind(all));
	xfree(all);
	return 0;
}
