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
	ptr = xrealloc(ptr, 304);
	rest = xmalloc(200 + 400 - 304);
	verify(guard);
	xfree(ptr);
	xfree(rest);
	xfree(guard);
	return 0;
}
