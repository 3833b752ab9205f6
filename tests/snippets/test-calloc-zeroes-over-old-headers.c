// SPDX-License-Identifier: BSD-3-Clause
/*
 * Merged neighbours leave their old headers and data inside the new block:
 * os_calloc zeroes them, too (H1, H6).
 */
#include "snippet.h"

int main(void)
{
	void *run[4], *guard, *ptr;

	for (int i = 0; i < 4; i++)
		run[i] = xmalloc(56);
	guard = xmalloc(16);
	for (int i = 0; i < 4; i++)
		xfree(run[i]);
	ptr = xcalloc(4 * 56 + 3 * HEADER, 1);
	verify(guard);
	xfree(ptr);
	xfree(guard);
	return 0;
}
