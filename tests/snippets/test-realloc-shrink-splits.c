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

	ptr = xrealloc(ptr, 496);
	rest = xmalloc(1000 - 496 - HEADER);
	verify(guard);
	xfree(rest);
	xfree(ptr);
	xfree(guard);
	return 0;
}
