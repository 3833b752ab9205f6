// SPDX-License-Identifier: BSD-3-Clause
/*
 * Memory from os_calloc that is a mapping triggers no preallocation (F2), has
 * exactly its own length (M1), and is zero.
 */
#include "snippet.h"

int main(void)
{
	void *one = xcalloc(100, 100);
	void *other = xcalloc(1, 200000);

	xfree(other);
	xfree(one);
	return 0;
}
