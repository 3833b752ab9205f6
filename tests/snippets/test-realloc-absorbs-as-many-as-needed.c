// SPDX-License-Identifier: BSD-3-Clause
/*
 * Two of four free neighbours are exactly enough: absorption stops there, and
 * the other two are still separate and in their places (X7).
 */
#include "snippet.h"

int main(void)
{
	void *ptr = xmalloc(200);
	void *run[4], *guard;

	for (int i = 0; i < 4; i++)
		run[i] = xmalloc(96);
	guard = xmalloc(16);
	for (int i = 3; i >= 0; i--)
		xfree(run[i]);
	CHECK(xrealloc(ptr, 456) == ptr, "the block did not grow in place (X7)");
	CHECK(behind(ptr) == run[2], "two neighbours were not absorbed (X7)");
	CHECK(xrealloc(ptr, 560) == ptr, "the block did not grow again (X7)");
	CHECK(behind(ptr) == run[3], "the third was not absorbed alone (X7)");
	CHECK(xmalloc(96) == run[3], "the fourth neighbour moved (X7)");
	xfree(ptr);
	xfree(run[3]);
	xfree(guard);
	return 0;
}
