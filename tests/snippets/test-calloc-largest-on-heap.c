// SPDX-License-Identifier: BSD-3-Clause
/*
 * 4056 bytes and a header stay below a page: still the heap (W2). The header
 * counts.
 */
#include "snippet.h"

int main(void)
{
	void *one = xcalloc(1, 4056);
	void *other = xcalloc(507, 8);

	xfree(one);
	xfree(other);
	return 0;
}
