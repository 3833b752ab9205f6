// SPDX-License-Identifier: BSD-3-Clause
/*
 * A heap block from os_calloc that grows beyond a page stays on the heap: a
 * resized block never follows os_calloc's threshold (W3).
 */
#include "snippet.h"

int main(void)
{
	void *ptr = xcalloc(100, 10);

	CHECK(xrealloc(ptr, 4064) == ptr, "the block did not grow in place (W3, X7)");
	CHECK(xrealloc(ptr, 100000) == ptr, "the block did not grow in place (W3, X7)");
	CHECK(status(ptr) == STATUS_ALLOC, "the block left the heap (W3)");
	xfree(ptr);
	return 0;
}
