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
	use(ptr, 5000);
	xfree(ptr);
	return 0;
}
