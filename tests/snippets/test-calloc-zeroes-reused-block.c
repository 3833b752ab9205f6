// SPDX-License-Identifier: BSD-3-Clause
/*
 * A hole full of old data is zeroed when os_calloc takes it (H6).
 */
#include "snippet.h"

int main(void)
{
	void *dirty = xmalloc(2000);
	void *guard = xmalloc(16);
	void *ptr;

	xfree(dirty);
	ptr = xcalloc(250, 8);
	verify(guard);
	xfree(ptr);
	xfree(guard);
	return 0;
}
