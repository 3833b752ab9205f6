// SPDX-License-Identifier: BSD-3-Clause
/*
 * The last block grows by moving the break by exactly what is missing (X6).
 */
#include "snippet.h"

int main(void)
{
	void *first = xmalloc(1000);
	void *last = take_rest(first, first);

	CHECK(xrealloc(last, 130500) == last, "the last block moved (X6)");
	CHECK(usable(last) == 130504, "growth was not exact (X6, H5)");
	CHECK(xrealloc(last, 131000) == last, "the last block moved (X6)");
	verify(first);
	xfree(last);
	xfree(first);
	return 0;
}
