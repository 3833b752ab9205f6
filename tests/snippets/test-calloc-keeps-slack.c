// SPDX-License-Identifier: BSD-3-Clause
/*
 * A remainder of 32 bytes stays with the block; the product is zero, and the
 * slack is counted in size (S2, H6).
 */
#include "snippet.h"

int main(void)
{
	void *hole = xmalloc(200);
	void *guard = xmalloc(16);
	void *ptr;

	xfree(hole);
	ptr = xcalloc(7, 24);
	EQUAL(usable(ptr), 200, "size does not count the slack (S2)");
	use(ptr, 200);
	verify(guard);
	xfree(guard);
	xfree(ptr);
	return 0;
}
