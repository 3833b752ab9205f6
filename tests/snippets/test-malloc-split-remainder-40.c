// SPDX-License-Identifier: BSD-3-Clause
/*
 * 40 bytes too many are just enough for a header and 8 bytes: the block is
 * split (S1) and those 8 bytes can be allocated.
 */
#include "snippet.h"

int main(void)
{
	void *hole = xmalloc(200);
	void *guard = xmalloc(100);
	void *front, *rest;

	xfree(hole);
	front = xmalloc(160);
	CHECK(front == hole, "the hole was not used (H2)");
	CHECK(usable(front) == 160, "a remainder of 40 bytes was not split off (S1)");
	rest = xmalloc(8);
	CHECK(rest == behind(front), "the 8 bytes that remain are not a block (S1)");
	verify(guard);
	xfree(rest);
	xfree(front);
	xfree(guard);
	return 0;
}
