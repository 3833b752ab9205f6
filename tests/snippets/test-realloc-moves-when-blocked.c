// SPDX-License-Identifier: BSD-3-Clause
/*
 * The right neighbour is allocated: a new place is searched, the contents move
 * there, and the old block is free (X8, X9, R1).
 */
#include "snippet.h"

int main(void)
{
	void *ptr = xmalloc(200);
	void *guard = xmalloc(16);
	void *moved = xrealloc(ptr, 1000);

	ptr = xmalloc(200);
	verify(guard);
	xfree(moved);
	xfree(ptr);
	xfree(guard);
	return 0;
}
