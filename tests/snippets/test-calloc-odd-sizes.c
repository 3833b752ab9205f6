// SPDX-License-Identifier: BSD-3-Clause
/*
 * Products that are no multiple of 8 are rounded up (G2) and zero up to their
 * last byte (H6).
 */
#include "snippet.h"

int main(void)
{
	for (size_t size = 1; size < 30; size += 4) {
		void *dirty = xmalloc(96);
		void *ptr;

		xfree(dirty);
		ptr = xcalloc(3, size);
		EQUAL(usable(ptr), round_up(3 * size), "size is not rounded up (G2)");
		xfree(ptr);
	}
	return 0;
}
