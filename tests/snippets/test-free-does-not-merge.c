// SPDX-License-Identifier: BSD-3-Clause
/*
 * Freeing neighbours, in whatever order, merges nothing (R1): each header keeps
 * its own size, and growing in place meets them one by one (X7).
 */
#include "snippet.h"

int main(void)
{
	void *ptr = xmalloc(40);
	void *run[3], *guard;

	for (int i = 0; i < 3; i++)
		run[i] = xmalloc(200);
	guard = xmalloc(16);
	xfree(run[1]);
	xfree(run[2]);
	xfree(run[0]);
	for (int i = 0; i < 3; i++)
		EQUAL(usable(run[i]), 200, "free blocks were merged by os_free (R1)");
	ptr = xrealloc(ptr, 240);
	EQUAL(usable(ptr), 272, "size of the block that grew (X7, S2)");
	ptr = xrealloc(ptr, 280);
	EQUAL(usable(ptr), 280, "the second neighbour was not split (S1)");
	xfree(ptr);
	xfree(guard);
	return 0;
}
