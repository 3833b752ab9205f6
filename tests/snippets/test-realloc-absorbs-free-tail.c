// SPDX-License-Identifier: BSD-3-Clause
/*
 * The right neighbour is the free end of the heap: it is absorbed and split, and
 * the break does not move (X7).
 */
#include "snippet.h"

int main(void)
{
	void *first = xmalloc(100);
	void *ptr = xmalloc(1000);

	CHECK(xrealloc(ptr, 50000) == ptr, "the block did not grow in place (X7)");
	CHECK(usable(ptr) == 50000, "the end of the heap was not split (S1)");
	CHECK(xmalloc(2000) == behind(ptr), "the rest is not right behind the block (S1)");
	xfree(behind(ptr));
	xfree(ptr);
	xfree(first);
	return 0;
}
