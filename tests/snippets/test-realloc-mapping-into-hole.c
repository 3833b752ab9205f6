// SPDX-License-Identifier: BSD-3-Clause
/*
 * A mapping that moves to the heap searches it: neighbours are merged (H1) and
 * the best hole is taken (X3, H2).
 */
#include "snippet.h"

int main(void)
{
	void *run[3], *guard, *mapping;

	for (int i = 0; i < 3; i++)
		run[i] = xmalloc(504);
	guard = xmalloc(16);
	mapping = xmalloc(150400);
	xfree(run[0]);
	xfree(run[1]);
	xfree(run[2]);
	mapping = xrealloc(mapping, 1576);
	xfree(mapping);
	xfree(guard);
	return 0;
}
