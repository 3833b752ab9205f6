// SPDX-License-Identifier: BSD-3-Clause
/*
 * Slack before a free block stays where it is: that block keeps its start when
 * shrinking leaves the slack, and through the next search as well (S3, S2).
 */
#include "snippet.h"

int main(void)
{
	void *ptr = xmalloc(200);
	void *next = xmalloc(96);
	void *guard = xmalloc(16);

	xfree(next);
	ptr = xrealloc(ptr, 176);
	EQUAL(usable(ptr), 200, "the slack is not counted (S2)");
	next = xmalloc(96);
	EQUAL(usable(ptr), 200, "the slack is not counted after a search (S2)");
	xfree(next);
	xfree(ptr);
	xfree(guard);
	return 0;
}
