// SPDX-License-Identifier: BSD-3-Clause
/*
 * 131033 bytes belong in a mapping: map, copy, free the old block (X5, W3). The
 * copy is the old block's whole size (X9), and its place is taken again.
 */
#include "snippet.h"

int main(void)
{
	void *ptr = xmalloc(5000);
	void *mapping = xrealloc(ptr, 131033);

	CHECK(status(mapping) == STATUS_MAPPED, "the block is not a mapping (X5)");
	CHECK(xmalloc(5000) == ptr, "the old block was not freed (R1)");
	verify(mapping);
	xfree(ptr);
	xfree(mapping);
	return 0;
}
