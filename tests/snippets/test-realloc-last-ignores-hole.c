// SPDX-License-Identifier: BSD-3-Clause
/*
 * The last block grows in place even though a hole elsewhere would fit (X6).
 */
#include "snippet.h"

int main(void)
{
	void *hole = xmalloc(100000);
	void *guard = xmalloc(16);
	void *last = take_rest(hole, guard);

	xfree(hole);
	last = xrealloc(last, 50000);
	verify(guard);
	xfree(last);
	xfree(guard);
	return 0;
}
