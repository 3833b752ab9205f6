// SPDX-License-Identifier: BSD-3-Clause
/*
 * Of two free neighbours the first is enough, with 16 bytes too many: they stay
 * as slack, and the second keeps its start (X7, S2). Merged before, both would
 * have been absorbed and split elsewhere.
 */
#include "snippet.h"

int main(void)
{
	void *ptr = xmalloc(200);
	void *run[2], *guard;

	run[0] = xmalloc(96);
	run[1] = xmalloc(96);
	guard = xmalloc(16);
	xfree(run[0]);
	xfree(run[1]);
	ptr = xrealloc(ptr, 312);
	run[1] = xmalloc(96);
	xfree(run[1]);
	xfree(ptr);
	xfree(guard);
	return 0;
}
