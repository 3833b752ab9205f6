// SPDX-License-Identifier: BSD-3-Clause
/*
 * 40 bytes too many are just enough for a header and 8 bytes: the block is
 * split (S1) and those 8 bytes can be allocated.
 */
#include "snippet.h"

int main(void)
{
	void *hole = xmalloc(200);
	void *guard = xmalloc(96);
	void *front, *rest;

	xfree(hole);
	front = xmalloc(160);
	rest = xmalloc(8);
	verify(guard);
	xfree(rest);
	xfree(front);
	xfree(guard);
	return 0;
}
