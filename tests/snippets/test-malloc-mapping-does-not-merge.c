// SPDX-License-Identifier: BSD-3-Clause
/*
 * A request for a mapping is no search of the heap: the run of two free blocks
 * stays two (H1), block needs the first of them only and keeps the slack (X7),
 * and the second is still where it was.
 */
#include "snippet.h"

int main(void)
{
	void *block = xmalloc(200);
	void *run[2], *guard, *mapping;

	run[0] = xmalloc(96);
	run[1] = xmalloc(96);
	guard = xmalloc(16);
	xfree(run[0]);
	xfree(run[1]);
	mapping = xmalloc(200000);
	CHECK(xrealloc(block, 312) == block, "the block did not stay in place (X7)");
	CHECK(usable(block) == 328, "the run was merged without a search (H1)");
	CHECK(xmalloc(96) == run[1], "the second free block moved (H1)");
	xfree(run[1]);
	xfree(mapping);
	xfree(block);
	xfree(guard);
	return 0;
}
