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
	CHECK(xmalloc(48) == hole, "the exact hole was not taken (H2)");
	CHECK(xrealloc(block, 312) == block, "the block did not stay in place (X7)");
	CHECK(usable(block) == 312, "the run was not merged by the search (H1)");
	ptr = xmalloc(112);
	CHECK(ptr == behind(block), "the rest of the run is not behind the block (H1)");
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
	CHECK(ptr == behind(last), "the heap did not grow behind its last block (H4)");
	CHECK(xrealloc(block, 312) == block, "the block did not stay in place (X7)");
	CHECK(usable(block) == 312, "the run was not merged by a search that grew the heap (H1)");
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
