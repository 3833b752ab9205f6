// SPDX-License-Identifier: BSD-3-Clause
/*
 * The free neighbour is absorbed before it turns out not to be enough, and stays
 * so when the block moves away (X8). It is one free block then: the block on its
 * left absorbs all of it at once and is split exactly.
 */
#include "snippet.h"

int main(void)
{
	void *left = xmalloc(104);
	void *ptr = xmalloc(200);
	void *next = xmalloc(96);
	void *guard = xmalloc(16);
	void *moved;

	xfree(next);
	moved = xrealloc(ptr, 1000);
	CHECK(moved == behind(guard), "the block is not in the best place (H2)");
	CHECK(usable(ptr) == 200 + HEADER + 96, "what was absorbed did not stay so (X8)");
	CHECK(xrealloc(left, 320) == left, "the left block did not grow in place (X7)");
	CHECK(usable(left) == 320, "the absorbed neighbour was separate again (X8)");
	CHECK(xmalloc(112) == behind(left), "the rest is not behind the left block (S1)");
	xfree(behind(left));
	xfree(left);
	xfree(moved);
	xfree(guard);
	return 0;
}
