// SPDX-License-Identifier: BSD-3-Clause
/*
 * os_calloc on the heap is a search and merges every run of free blocks (H1):
 * block then absorbs both of its neighbours at once and is split exactly (X7).
 */
#include "snippet.h"

int main(void)
{
	void *block = xmalloc(200);
	void *run[2], *guard, *ptr;

	run[0] = xmalloc(96);
	run[1] = xmalloc(96);
	guard = xmalloc(16);
	xfree(run[1]);
	xfree(run[0]);
	ptr = xcalloc(1000, 1);
	block = xrealloc(block, 312);
	xfree(block);
	xfree(ptr);
	xfree(guard);
	return 0;
}
