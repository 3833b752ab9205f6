// SPDX-License-Identifier: BSD-3-Clause
/*
 * A mapping that shrinks below the threshold moves to the heap (X3, W3); as the
 * heap's first request it preallocates (F1) before the old mapping goes.
 */
#include "snippet.h"

int main(void)
{
	void *mapping = xmalloc(200000);
	void *ptr = xrealloc(mapping, 1000);

	xfree(ptr);
	return 0;
}
