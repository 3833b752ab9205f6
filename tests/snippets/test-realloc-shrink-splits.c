// SPDX-License-Identifier: BSD-3-Clause
/*
 * Shrinking in place splits the block; the rest is free right behind it (X4,
 * S1).
 */
#include "snippet.h"

int main(void)
{
	void *ptr = xmalloc(1000);
	void *guard = xmalloc(16);
	void *rest;

	CHECK(xrealloc(ptr, 500) == ptr, "a shrinking block moved (X4)");
	CHECK(usable(ptr) == 504, "the block was not split (S1)");
	rest = xmalloc(1000 - 504 - HEADER);
	CHECK(rest == behind(ptr), "the rest is not right behind the block (S1)");
	verify(guard);
	xfree(rest);
	xfree(ptr);
	xfree(guard);
	return 0;
}
