// SPDX-License-Identifier: BSD-3-Clause
/*
 * Large blocks come from mmap. They neither ask for the break nor grow it: no
 * preallocation for a mapping (F2, M1).
 */
#include "snippet.h"

int main(void)
{
	void *one = xmalloc(131072);
	void *other = xmalloc(1000000);

	xfree(one);
	xfree(other);
	return 0;
}
