// SPDX-License-Identifier: BSD-3-Clause
/*
 * A hole much longer than needed is split: the front keeps exactly the rounded
 * size and the rest serves the next request right behind it (S1).
 */
#include "snippet.h"

int main(void)
{
	void *hole = xmalloc(1000);
	void *guard = xmalloc(100);
	void *front, *rest;

	xfree(hole);
	front = xmalloc(300);
	CHECK(front == hole, "the hole was not used (H2)");
	CHECK(usable(front) == 304, "the front keeps more than it needs (S1)");
	rest = xmalloc(1000 - 304 - HEADER);
	CHECK(rest == behind(front), "the rest is not right behind the front (S1)");
	verify(guard);
	xfree(front);
	xfree(rest);
	xfree(guard);
	return 0;
}
