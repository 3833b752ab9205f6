// SPDX-License-Identifier: BSD-3-Clause
/*
 * The same size again, or one that rounds up to it, returns the block itself
 * and changes nothing (X4).
 */
#include "snippet.h"

int main(void)
{
	void *ptr = xmalloc(1000);
	void *guard = xmalloc(16);

	CHECK(xrealloc(ptr, 1000) == ptr, "the block moved (X4)");
	CHECK(xrealloc(ptr, 993) == ptr, "the block moved (X4)");
	CHECK(usable(ptr) == 1000, "the block changed its size (X4)");
	verify(guard);
	xfree(ptr);
	xfree(guard);
	return 0;
}
