// SPDX-License-Identifier: BSD-3-Clause
/*
 * 32 bytes too many are too few for a block: they stay in the block as slack,
 * its size counts them (S2), and they are the user's as well (G5).
 */
#include "snippet.h"

int main(void)
{
	void *hole = xmalloc(200);
	void *guard = xmalloc(96);
	void *ptr;

	xfree(hole);
	ptr = xmalloc(168);
	EQUAL(usable(ptr), 200, "size does not count the slack (S2)");
	use(ptr, 200);
	verify(guard);
	xfree(guard);
	xfree(ptr);
	return 0;
}
