// SPDX-License-Identifier: BSD-3-Clause
/*
 * The header of a freed block says so at once and keeps its size (G3, R1); its
 * neighbours' headers do not change.
 */
#include "snippet.h"

int main(void)
{
	void *left = xmalloc(100);
	void *ptr = xmalloc(200);
	void *right = xmalloc(300);

	xfree(ptr);
	EQUAL(status(ptr), STATUS_FREE, "status of the freed block (G3, R1)");
	EQUAL(usable(ptr), 200, "the size of the freed block changed (R1)");
	EQUAL(usable(left), 104, "the size of the left block (G1)");
	EQUAL(status(left), STATUS_ALLOC, "the status of the left block (G3)");
	EQUAL(usable(right), 304, "the size of the right block (G1)");
	EQUAL(status(right), STATUS_ALLOC, "the status of the right block (G3)");
	xfree(left);
	xfree(right);
	return 0;
}
