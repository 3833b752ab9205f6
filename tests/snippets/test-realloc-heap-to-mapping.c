// SPDX-License-Identifier: BSD-3-Clause
/*
 * 140000 bytes belong in a mapping: map, copy, free the old block (X5, W3). The
 * copy is the old block's whole size (X9), and its place is taken again.
 */
#include "snippet.h"

int main(void)
{
	void *ptr = xmalloc(5000);
	void *mapping = xrealloc(ptr, 140000);

	ptr = xmalloc(5000);
	verify(mapping);
	xfree(ptr);
	xfree(mapping);
	return 0;
}
