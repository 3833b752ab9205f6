// SPDX-License-Identifier: BSD-3-Clause
/*
 * The last block has 24 bytes of slack: the break moves by the new size minus
 * the size with its slack (X6, S2).
 */
#include "snippet.h"

int main(void)
{
	void *first = xmalloc(50000);
	void *last = xmalloc(80984);

	EQUAL(usable(last), 81008, "there is no slack (S2)");
	last = xrealloc(last, 90000);
	EQUAL(usable(last), 90000, "growth was not exact (X6)");
	xfree(first);
	xfree(last);
	return 0;
}
