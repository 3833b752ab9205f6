// SPDX-License-Identifier: BSD-3-Clause
/*
 * The free neighbour is absorbed before it turns out to be too small, and stays
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
	void *moved, *rest;

	xfree(next);
	moved = xrealloc(ptr, 1000);
	left = xrealloc(left, 320);
	rest = xmalloc(112);
	xfree(rest);
	xfree(left);
	xfree(moved);
	xfree(guard);
	return 0;
}
