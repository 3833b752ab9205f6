// SPDX-License-Identifier: BSD-3-Clause
/*
 * os_realloc of a block that is free returns NULL and changes nothing, whatever
 * the new size (X2): the block can still be allocated.
 */
#include "snippet.h"

int main(void)
{
	void *ptr = xmalloc(304);
	void *guard = xmalloc(16);

	xfree(ptr);
	errno = 0;
	CHECK(!os_realloc(ptr, 100), "a free block was shrunk (X2)");
	CHECK(!os_realloc(ptr, 1000), "a free block was grown (X2)");
	CHECK(!os_realloc(ptr, 200000), "a free block was moved (X2)");
	CHECK(!os_realloc(ptr, SIZE_MAX), "a free block became a huge one (X2)");
	ptr = xmalloc(304);
	verify(guard);
	xfree(ptr);
	xfree(guard);
	return 0;
}
