// SPDX-License-Identifier: BSD-3-Clause
/*
 * The header of a freed block says so at once and keeps its size (G3, R1); its
 * neighbours' headers do not change.
 */
#include "snippet.h"

int main(void)
{
	void *left = xmalloc(100);
	void *ptr = xmalloc(200);
	void *right = xmalloc(300);

	xfree(ptr);
	CHECK(status(ptr) == STATUS_FREE, "status is not free (G3, R1)");
	CHECK(usable(ptr) == 200, "the size of the freed block changed (R1)");
	CHECK(usable(left) == 104 && status(left) == STATUS_ALLOC, "the left header changed");
	CHECK(usable(right) == 304 && status(right) == STATUS_ALLOC, "the right header changed");
	xfree(left);
	xfree(right);
	return 0;
}
