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
	size_t whole = size_of(last);
	void *eight, *ptr;

	one = xrealloc(one, 160);
	EQUAL(usable(one), 160, "40 bytes were not split off (S1)");
	last = xrealloc(last, whole - 32);
	EQUAL(usable(last), whole, "32 bytes did not stay as slack (S2)");
	eight = xmalloc(8);
	ptr = xmalloc(1000);
	xfree(ptr);
	xfree(eight);
	xfree(one);
	xfree(last);
	xfree(guard);
	return 0;
}
