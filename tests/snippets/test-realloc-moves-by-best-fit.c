// SPDX-License-Identifier: BSD-3-Clause
/*
 * A move of os_realloc searches like os_malloc: the smallest of three holes that
 * fit, also when it is on the left (X8, H2).
 */
#include "snippet.h"

int main(void)
{
	void *holes[3], *guards[3], *ptr;
	static const size_t sizes[] = { 900, 500, 700 };

	for (int i = 0; i < 3; i++) {
		holes[i] = xmalloc(sizes[i]);
		guards[i] = xmalloc(16);
	}
	ptr = xrealloc(guards[2], 100);
	CHECK(ptr == guards[2], "the block did not grow in place (X7)");
	guards[2] = xmalloc(16);
	for (int i = 0; i < 3; i++)
		xfree(holes[i]);
	ptr = xrealloc(ptr, 480);
	CHECK(ptr == holes[1], "the best hole was not taken (H2)");
	CHECK(usable(ptr) == 504, "the remainder of 24 bytes is not slack (S2)");
	for (int i = 0; i < 3; i++)
		xfree(guards[i]);
	xfree(ptr);
	return 0;
}
