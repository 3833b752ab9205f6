// SPDX-License-Identifier: BSD-3-Clause
/*
 * A heap block from os_calloc that grows beyond a page stays on the heap: a
 * resized block never follows os_calloc's threshold (W3).
 */
#include "snippet.h"

int main(void)
{
	void *ptr = xcalloc(100, 10);

	ptr = xrealloc(ptr, 4064);
	ptr = xrealloc(ptr, 100000);
	xfree(ptr);
	return 0;
}
