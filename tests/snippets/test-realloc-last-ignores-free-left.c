// SPDX-License-Identifier: BSD-3-Clause
/*
 * The last block grows by the break even though the block before it is free and
 * both together would do (X6).
 */
#include "snippet.h"

int main(void)
{
	void *first = xmalloc(16);
	void *left = xmalloc(60000);
	void *last = take_rest(first, left);

	xfree(left);
	last = xrealloc(last, 100000);
	left = xmalloc(60000);
	xfree(left);
	xfree(last);
	xfree(first);
	return 0;
}
