// SPDX-License-Identifier: BSD-3-Clause
/*
 * A search merges all runs of free blocks, also one that it does not use: here
 * the run behind block, which then absorbs it as a whole and is split (H1).
 * Still separate, one of the two would have been enough.
 */
#include "snippet.h"

int main(void)
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
	return 0;
}
