// SPDX-License-Identifier: BSD-3-Clause
/*
 * Shrinking by 40 bytes leaves a free block of 8 bytes (X4, S1). By 32, nothing:
 * the size in the header stays (S2), and since this is the last block, growth
 * starts behind its slack (H4).
 */
#include "snippet.h"

int main(void)
{
	void *one = xmalloc(200);
	void *guard = xmalloc(16);
	void *last = take_rest(one, guard);
	size_t whole = usable(last);
	void *eight, *ptr;

	CHECK(xrealloc(one, 160) == one, "a shrinking block moved (X4)");
	CHECK(usable(one) == 160, "40 bytes were not split off (S1)");
	CHECK(xrealloc(last, whole - 32) == last, "a shrinking block moved (X4)");
	CHECK(usable(last) == whole, "32 bytes did not stay as slack (S2)");
	eight = xmalloc(8);
	CHECK(eight == behind(one), "there is no block of 8 bytes (S1)");
	ptr = xmalloc(1000);
	CHECK(ptr == behind(last), "growth did not start behind the slack (S2)");
	xfree(ptr);
	xfree(eight);
	xfree(one);
	xfree(last);
	xfree(guard);
	return 0;
}
