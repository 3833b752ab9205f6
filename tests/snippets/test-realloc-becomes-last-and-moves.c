// SPDX-License-Identifier: BSD-3-Clause
/*
 * The block absorbs the free end of the heap and is still too short; no hole
 * fits. The break is not moved under it: the new place is behind it (X8, H4).
 */
#include "snippet.h"

int main(void)
{
	void *first = xmalloc(1000);
	void *ptr = xmalloc(200);
	void *moved = xrealloc(ptr, 131000);

	verify(first);
	xfree(first);
	xfree(moved);
	return 0;
}
