// SPDX-License-Identifier: BSD-3-Clause
/*
 * A request for a mapping is no search of the heap: the run of three free blocks
 * stays three (H1), block needs the first of them only and keeps the slack (X7).
 * The next search on the heap merges the other two where they are.
 */
#include "snippet.h"

int main(void)
{
	void *block = xmalloc(200);
	void *run[3], *guard, *mapping, *both;

	for (int i = 0; i < 3; i++)
		run[i] = xmalloc(96);
	guard = xmalloc(16);
	for (int i = 0; i < 3; i++)
		xfree(run[i]);
	mapping = xmalloc(200000);
	block = xrealloc(block, 312);
	both = xmalloc(2 * 96 + HEADER);
	xfree(both);
	xfree(mapping);
	xfree(block);
	xfree(guard);
	return 0;
}
