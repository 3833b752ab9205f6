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
	left = xrealloc(left, 320);
	next = xmalloc(96);
	xfree(next);
	xfree(left);
	xfree(mapping);
	xfree(guard);
	return 0;
}
