// SPDX-License-Identifier: BSD-3-Clause
/*
 * The right neighbour is the free end of the heap: it is absorbed and split, and
 * the break does not move (X7).
 */
#include "snippet.h"

int main(void)
{
	void *first = xmalloc(96);
	void *ptr = xmalloc(1000);
	void *rest;

	ptr = xrealloc(ptr, 50000);
	rest = xmalloc(2000);
	xfree(rest);
	xfree(ptr);
	xfree(first);
	return 0;
}
