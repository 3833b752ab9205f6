// SPDX-License-Identifier: BSD-3-Clause
/*
 * The last block grows by moving the break by exactly what is missing (X6).
 */
#include "snippet.h"

int main(void)
{
	void *first = xmalloc(1000);
	void *last = take_rest(first, first);

	last = xrealloc(last, 130504);
	last = xrealloc(last, 131000);
	verify(first);
	xfree(last);
	xfree(first);
	return 0;
}
