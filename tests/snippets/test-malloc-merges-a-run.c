// SPDX-License-Identifier: BSD-3-Clause
/*
 * Three free neighbours are merged before the search, headers included, so that
 * one request fits all of them exactly (H1).
 */
#include "snippet.h"

int main(void)
{
	void *run[3], *guard, *rest, *ptr;

	for (int i = 0; i < 3; i++)
		run[i] = xmalloc(104);
	guard = xmalloc(16);
	rest = take_rest(run[0], guard);
	xfree(run[1]);
	xfree(run[2]);
	xfree(run[0]);
	ptr = xmalloc(3 * 104 + 2 * HEADER);
	verify(guard);
	xfree(ptr);
	xfree(guard);
	xfree(rest);
	return 0;
}
