// SPDX-License-Identifier: BSD-3-Clause
/*
 * os_realloc(NULL, n) is os_malloc(n): as the first request it preallocates
 * (F1), and 5000 bytes are on the heap, not in a mapping (W1).
 */
#include "snippet.h"

int main(void)
{
	void *ptr = os_realloc(NULL, 5000);

	CHECK(!!ptr, "no memory");
	CHECK(status(ptr) == STATUS_ALLOC, "5000 bytes are not on the heap (W1)");
	CHECK(usable(ptr) == 5000, "the free rest was not split off (S1)");
	fill(ptr);
	xfree(ptr);
	return 0;
}
