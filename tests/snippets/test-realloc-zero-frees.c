// SPDX-License-Identifier: BSD-3-Clause
/*
 * os_realloc(p, 0) frees a heap block without a system call and returns NULL
 * (X1, R1); the next request that fits takes the place.
 */
#include "snippet.h"

int main(void)
{
	void *ptr = xmalloc(304);
	void *guard = xmalloc(16);

	CHECK(!os_realloc(ptr, 0), "os_realloc(p, 0) is not NULL (X1)");
	ptr = xmalloc(304);
	xfree(ptr);
	xfree(guard);
	return 0;
}
