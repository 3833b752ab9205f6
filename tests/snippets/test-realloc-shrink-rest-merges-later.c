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
	ptr = xrealloc(ptr, 200);
	both = xmalloc(400 - 200 + 96);
	verify(guard);
	xfree(both);
	xfree(ptr);
	xfree(guard);
	return 0;
}
