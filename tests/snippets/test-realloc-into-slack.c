// SPDX-License-Identifier: BSD-3-Clause
/*
 * A block grows into its slack without any change, also when its right
 * neighbour is free (X4, S2).
 */
#include "snippet.h"

int main(void)
{
	void *hole = xmalloc(200);
	void *next = xmalloc(96);
	void *guard = xmalloc(16);
	void *ptr;

	xfree(hole);
	ptr = xmalloc(168);
	CHECK(ptr == hole && usable(ptr) == 200, "there is no slack (S2)");
	xfree(next);
	CHECK(xrealloc(ptr, 200) == ptr, "the block moved (X4)");
	CHECK(usable(ptr) == 200, "the block changed its size (X4)");
	CHECK(xmalloc(96) == next, "the neighbour was absorbed (X4)");
	xfree(ptr);
	xfree(next);
	xfree(guard);
	return 0;
}
