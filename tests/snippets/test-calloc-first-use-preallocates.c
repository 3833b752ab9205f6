// SPDX-License-Identifier: BSD-3-Clause
/*
 * os_calloc as the first to use the heap preallocates like os_malloc (F1).
 */
#include "snippet.h"

int main(void)
{
	void *ptr = xcalloc(10, 100);

	xfree(ptr);
	return 0;
}
