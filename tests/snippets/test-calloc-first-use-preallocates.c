// SPDX-License-Identifier: BSD-3-Clause
/*
 * os_calloc as the first to use the heap preallocates like os_malloc (F1).
 */
#include "snippet.h"

int main(void)
{
	void *ptr = xcalloc(10, 100);

	CHECK(usable(ptr) == 1000, "the free rest was not split off (S1)");
	xfree(ptr);
	return 0;
}
