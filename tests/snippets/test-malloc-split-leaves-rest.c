// SPDX-License-Identifier: BSD-3-Clause
/*
 * A hole much longer than needed is split: the front keeps exactly the rounded
 * size and the rest serves the next request right behind it (S1).
 */
#include "snippet.h"

int main(void)
{
	void *hole = xmalloc(1000);
	void *guard = xmalloc(96);
	void *front, *rest;

	xfree(hole);
	front = xmalloc(304);
	rest = xmalloc(1000 - 304 - HEADER);
	verify(guard);
	xfree(front);
	xfree(rest);
	xfree(guard);
	return 0;
}
