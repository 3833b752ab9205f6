// SPDX-License-Identifier: BSD-3-Clause
/*
 * A freed heap block makes no system call, and the same size takes its place
 * again (R1).
 */
#include "snippet.h"

int main(void)
{
	void *first = xmalloc(500);
	void *ptr = xmalloc(1000);
	void *guard = xmalloc(500);

	for (int i = 0; i < 3; i++) {
		xfree(ptr);
		ptr = xmalloc(1000);
	}
	verify(first);
	verify(guard);
	xfree(ptr);
	xfree(first);
	xfree(guard);
	return 0;
}
