// SPDX-License-Identifier: BSD-3-Clause
/*
 * The last block has slack when it is freed; growing it later moves the break by
 * the difference to its whole size, slack included (S2, H3).
 */
#include "snippet.h"

int main(void)
{
	void *first = xmalloc(50000);
	void *last = xmalloc(80984);
	void *longer;

	EQUAL(usable(last), 81008, "the rest of the preallocation is not slack (S2)");
	xfree(last);
	longer = xmalloc(90000);
	xfree(longer);
	xfree(first);
	return 0;
}
