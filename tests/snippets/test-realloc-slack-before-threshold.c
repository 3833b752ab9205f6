// SPDX-License-Identifier: BSD-3-Clause
/*
 * 131040 bytes belong in a mapping, but a heap block with slack that already has
 * them stays where it is: X4 comes before the threshold.
 */
#include "snippet.h"

int main(void)
{
	void *ptr = xmalloc(131032);

	CHECK(usable(ptr) == 131040, "there is no slack (S2)");
	CHECK(xrealloc(ptr, 131040) == ptr, "the block left the heap (X4)");
	CHECK(status(ptr) == STATUS_ALLOC, "the block is not on the heap (X4)");
	xfree(ptr);
	return 0;
}
