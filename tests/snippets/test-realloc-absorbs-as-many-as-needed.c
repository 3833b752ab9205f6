// SPDX-License-Identifier: BSD-3-Clause
/*
 * Two of four free neighbours are exactly enough: absorption stops there, and
 * the other two are still separate and in their places (X7).
 */
#include "snippet.h"

int main(void)
{
	void *ptr = xmalloc(200);
	void *run[4], *guard;

	for (int i = 0; i < 4; i++)
		run[i] = xmalloc(96);
	guard = xmalloc(16);
	for (int i = 3; i >= 0; i--)
		xfree(run[i]);
	ptr = xrealloc(ptr, 456);
	ptr = xrealloc(ptr, 560);
	run[3] = xmalloc(96);
	xfree(ptr);
	xfree(run[3]);
	xfree(guard);
	return 0;
}
