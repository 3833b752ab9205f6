// SPDX-License-Identifier: BSD-3-Clause
/*
 * A mapping moves even for its own size: mmap, copy, munmap, in this order (X3).
 */
#include "snippet.h"

int main(void)
{
	void *mapping = xmalloc(140000);

	mapping = xrealloc(mapping, 140000);
	xfree(mapping);
	return 0;
}
