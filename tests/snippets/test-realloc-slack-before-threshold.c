// SPDX-License-Identifier: BSD-3-Clause
/*
 * 131040 bytes belong in a mapping, but a heap block with slack that already has
 * them stays where it is: X4 comes before the threshold.
 */
#include "snippet.h"

int main(void)
{
	void *ptr = xmalloc(131016);

	ptr = xrealloc(ptr, 131040);
	xfree(ptr);
	return 0;
}
