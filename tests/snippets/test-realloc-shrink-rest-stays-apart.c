// SPDX-License-Identifier: BSD-3-Clause
/*
 * What shrinking splits off is not merged with the free block behind it before
 * the next search (S3): growing back absorbs the rest alone and keeps 8 bytes of
 * slack (X7), and that free block stays where it was.
 */
#include "snippet.h"

int main(void)
{
	void *ptr = xmalloc(400);
	void *next = xmalloc(96);
	void *guard = xmalloc(16);

	xfree(next);
	ptr = xrealloc(ptr, 200);
	ptr = xrealloc(ptr, 392);
	next = xmalloc(96);
	xfree(next);
	xfree(ptr);
	xfree(guard);
	return 0;
}
