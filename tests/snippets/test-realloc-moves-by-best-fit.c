// SPDX-License-Identifier: BSD-3-Clause
/*
 * A move of os_realloc searches like os_malloc: the smallest of three holes that
 * fit, also when it is on the left (X8, H2).
 */
#include "snippet.h"

int main(void)
{
	void *holes[3], *guards[3], *ptr;
	static const size_t sizes[] = { 896, 496, 704 };

	for (int i = 0; i < 3; i++) {
		holes[i] = xmalloc(sizes[i]);
		guards[i] = xmalloc(16);
	}
	ptr = xrealloc(guards[2], 96);
	guards[2] = xmalloc(16);
	for (int i = 0; i < 3; i++)
		xfree(holes[i]);
	ptr = xrealloc(ptr, 480);
	for (int i = 0; i < 3; i++)
		xfree(guards[i]);
	xfree(ptr);
	return 0;
}
