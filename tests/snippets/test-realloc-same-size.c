// SPDX-License-Identifier: BSD-3-Clause
/*
 * The same size again returns the block itself and changes nothing (X4).
 */
#include "snippet.h"

int main(void)
{
	void *ptr = xmalloc(1000);
	void *guard = xmalloc(16);

	ptr = xrealloc(ptr, 1000);
	verify(guard);
	xfree(ptr);
	xfree(guard);
	return 0;
}
