// SPDX-License-Identifier: BSD-3-Clause
/*
 * The block absorbs the free end of the heap and is the last one then, still too
 * short. A hole that fits wins before the break moves under it (X8, H2).
 */
#include "snippet.h"

int main(void)
{
	void *hole = xmalloc(100000);
	void *guard = xmalloc(16);
	void *ptr = xmalloc(200);
	void *rest = take_rest(hole, ptr);
	size_t absorbed = 200 + HEADER + size_of(rest);

	xfree(hole);
	xfree(rest);
	hole = xrealloc(ptr, 50000);
	ptr = xmalloc(absorbed);
	xfree(ptr);
	xfree(guard);
	xfree(hole);
	return 0;
}
