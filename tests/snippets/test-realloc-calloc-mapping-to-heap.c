// SPDX-License-Identifier: BSD-3-Clause
/*
 * A block of 5000 bytes from os_calloc is a mapping (W2); resized to the same
 * 5000 it follows os_malloc's threshold and moves to the heap (W3, X3).
 */
#include "snippet.h"

int main(void)
{
	void *mapping = xcalloc(5000, 1);
	void *ptr;

	ptr = xrealloc(mapping, 5000);
	xfree(ptr);
	return 0;
}
