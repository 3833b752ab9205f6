// SPDX-License-Identifier: BSD-3-Clause
/*
 * The block cannot grow, no hole fits, and the last block is free: the break
 * moves by what that one lacks (X8, H3).
 */
#include "snippet.h"

int main(void)
{
	void *ptr = xmalloc(50000);
	void *guard = xmalloc(1000);
	void *moved = xrealloc(ptr, 100000);

	verify(guard);
	xfree(guard);
	xfree(moved);
	return 0;
}
