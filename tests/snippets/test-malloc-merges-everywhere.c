// SPDX-License-Identifier: BSD-3-Clause
/*
 * A search merges all runs of free blocks, also one that it does not use: here
 * the run behind block, which then absorbs it as a whole and is split (H1).
 * Still separate, one of the two would have been enough. So does a search that
 * finds nothing and ends with a new block behind the last one (H4).
 */
#include "snippet.h"

static void search_that_finds(void)
{
	void *block = xmalloc(200);
	void *run[2], *guard, *hole, *end, *ptr;

	run[0] = xmalloc(96);
	run[1] = xmalloc(96);
	guard = xmalloc(16);
	hole = xmalloc(48);
	end = xmalloc(16);
	xfree(run[0]);
	xfree(run[1]);
	xfree(hole);
	hole = xmalloc(48);
	block = xrealloc(block, 312);
	ptr = xmalloc(112);
	xfree(ptr);
	xfree(block);
	xfree(hole);
	xfree(guard);
	xfree(end);
}

static void search_that_finds_nothing(void)
{
	void *block = xmalloc(200);
	void *run[2], *last, *ptr;

	run[0] = xmalloc(96);
	run[1] = xmalloc(96);
	last = take_rest(block, run[1]);
	xfree(run[0]);
	xfree(run[1]);
	ptr = xmalloc(1000);
	block = xrealloc(block, 312);
	xfree(ptr);
	xfree(block);
	xfree(last);
}

int main(void)
{
	search_that_finds();
	search_that_finds_nothing();
	return 0;
}
