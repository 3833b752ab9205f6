// SPDX-License-Identifier: BSD-3-Clause
/*
 * 131032 bytes and a header stay below 128 KiB: still the heap (W1). They take
 * the whole preallocation, the 8 bytes too many remain slack (S2).
 */
#include "snippet.h"

int main(void)
{
	void *ptr = xmalloc(131032);

	EQUAL(usable(ptr), 131040, "the remainder of 8 bytes is not slack (S2)");
	xfree(ptr);
	return 0;
}
