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
	xfree(next);
	ptr = xrealloc(ptr, 200);
	next = xmalloc(96);
	xfree(ptr);
	xfree(next);
	xfree(guard);
	return 0;
}
