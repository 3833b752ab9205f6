// SPDX-License-Identifier: BSD-3-Clause
/*
 * Shrinking by 40 bytes leaves a block of 8 bytes (X4, S1), by 32 nothing: the
 * size in the header stays (S2).
 */
#include "snippet.h"

int main(void)
{
	void *one = xmalloc(200);
	void *other = xmalloc(200);
	void *guard = xmalloc(16);

	CHECK(xrealloc(one, 160) == one, "a shrinking block moved (X4)");
	CHECK(usable(one) == 160, "40 bytes were not split off (S1)");
	CHECK(xrealloc(other, 168) == other, "a shrinking block moved (X4)");
	CHECK(usable(other) == 200, "32 bytes did not stay as slack (S2)");
	CHECK(xmalloc(8) == behind(one), "there is no block of 8 bytes (S1)");
	xfree(behind(one));
	xfree(one);
	xfree(other);
	xfree(guard);
	return 0;
}
