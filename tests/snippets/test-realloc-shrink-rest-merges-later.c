// SPDX-License-Identifier: BSD-3-Clause
/*
 * What shrinking splits off is merged with the free block behind it by the next
 * search (S3, H1), which then finds both as one.
 */
#include "snippet.h"

int main(void)
{
	void *ptr = xmalloc(400);
	void *next = xmalloc(96);
	void *guard = xmalloc(16);
	void *both;

	xfree(next);
	CHECK(xrealloc(ptr, 200) == ptr, "a shrinking block moved (X4)");
	both = xmalloc(400 - 200 + 96);
	CHECK(both == behind(ptr), "the rest was not merged by the search (H1)");
	verify(guard);
	xfree(both);
	xfree(ptr);
	xfree(guard);
	return 0;
}
