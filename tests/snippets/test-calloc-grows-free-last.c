// SPDX-License-Identifier: BSD-3-Clause
/*
 * The free block at the end is too short for os_calloc: the break moves by what
 * is missing (H3), and old and new memory is zero (H6).
 */
#include "snippet.h"

int main(void)
{
	void *first = xmalloc(128000);
	void *last = xmalloc(2000);
	void *ptr;

	xfree(last);
	ptr = xcalloc(4000, 1);
	verify(first);
	xfree(first);
	xfree(ptr);
	return 0;
}
