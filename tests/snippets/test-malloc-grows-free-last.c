// SPDX-License-Identifier: BSD-3-Clause
/*
 * Nothing fits and the last block is free: the break moves by exactly what is
 * missing, and the last block is the result (H3).
 */
#include "snippet.h"

int main(void)
{
	void *first = xmalloc(100000);
	void *ptr = xmalloc(50000);

	verify(first);
	xfree(first);
	xfree(ptr);
	return 0;
}
