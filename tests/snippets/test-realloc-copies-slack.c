// SPDX-License-Identifier: BSD-3-Clause
/*
 * What was written into the slack of a block moves along with the rest of it
 * (X9, G5), to the heap and to a mapping.
 */
#include "snippet.h"

int main(void)
{
	void *hole = xmalloc(200);
	void *guard = xmalloc(16);
	void *ptr, *moved;

	xfree(hole);
	ptr = xmalloc(168);
	use(ptr, 200);
	moved = xrealloc(ptr, 1000);
	ptr = xmalloc(176);
	use(ptr, 200);
	ptr = xrealloc(ptr, 200000);
	verify(moved);
	xfree(ptr);
	xfree(moved);
	xfree(guard);
	return 0;
}
