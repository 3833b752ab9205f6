// SPDX-License-Identifier: BSD-3-Clause
/*
 * On the way to a mapping no neighbour is absorbed (X5): the block on the left
 * can take the freed one alone, keeping 16 bytes of slack, and the next free
 * block is where it was.
 */
#include "snippet.h"

int main(void)
{
	void *left = xmalloc(104);
	void *ptr = xmalloc(200);
	void *next = xmalloc(96);
	void *guard = xmalloc(16);
	void *mapping;

	xfree(next);
	mapping = xrealloc(ptr, 140000);
	CHECK(xrealloc(left, 320) == left, "the left block did not grow in place (X7)");
	CHECK(usable(left) == 336, "the free neighbour was absorbed before (X5)");
	CHECK(xmalloc(96) == next, "the free neighbour moved (X5)");
	xfree(next);
	xfree(left);
	xfree(mapping);
	xfree(guard);
	return 0;
}
