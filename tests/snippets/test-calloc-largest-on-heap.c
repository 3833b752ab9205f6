// SPDX-License-Identifier: BSD-3-Clause
/*
 * 4056 bytes and a header stay below a page: still the heap (W2). The header
 * counts.
 */
#include "snippet.h"

int main(void)
{
	void *one = xcalloc(1, 4056);
	void *other = xcalloc(507, 8);

	CHECK(status(one) == STATUS_ALLOC, "4056 bytes are not on the heap (W2)");
	CHECK(other == behind(one), "the blocks are not adjacent");
	xfree(one);
	xfree(other);
	return 0;
}
