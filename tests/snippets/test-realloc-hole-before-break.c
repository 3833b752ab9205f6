// SPDX-License-Identifier: BSD-3-Clause
/*
 * The block absorbs the free end of the heap and is the last one then, still too
 * short. A hole that fits wins before the break moves under it (X8, H2).
 */
#include "snippet.h"

int main(void)
{
	void *hole = xmalloc(100000);
	void *guard = xmalloc(16);
	void *ptr = xmalloc(200);
	void *rest = take_rest(hole, ptr);
	size_t absorbed = 200 + HEADER + usable(rest);

	xfree(hole);
	xfree(rest);
	CHECK(xrealloc(ptr, 50000) == hole, "the hole did not win (X8)");
	CHECK(usable(ptr) == absorbed, "the end did not stay absorbed (X8)");
	CHECK(xmalloc(absorbed) == ptr, "the old block was not freed (R1)");
	xfree(ptr);
	xfree(guard);
	xfree(hole);
	return 0;
}
