// SPDX-License-Identifier: BSD-3-Clause
/*
 * The free right neighbour is absorbed and what is too much split off again
 * (X7, S1).
 */
#include "snippet.h"

int main(void)
{
	void *ptr = xmalloc(200);
	void *next = xmalloc(400);
	void *guard = xmalloc(16);
	void *rest;

	xfree(next);
	CHECK(xrealloc(ptr, 300) == ptr, "the block did not grow in place (X7)");
	CHECK(usable(ptr) == 304, "what is too much was not split off (S1)");
	rest = xmalloc(200 + 400 - 304);
	CHECK(rest == behind(ptr), "the rest is not right behind the block (S1)");
	verify(guard);
	xfree(ptr);
	xfree(rest);
	xfree(guard);
	return 0;
}
