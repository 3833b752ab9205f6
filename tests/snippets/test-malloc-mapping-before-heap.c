// SPDX-License-Identifier: BSD-3-Clause
/*
 * A mapping does not count as the first use of the heap: the small request that
 * comes after it preallocates (F1, F2).
 */
#include "snippet.h"

int main(void)
{
	void *large = xmalloc(200000);
	void *small = xmalloc(96);

	verify(large);
	xfree(large);
	xfree(small);
	return 0;
}
