// SPDX-License-Identifier: BSD-3-Clause
/*
 * The first request on the heap grows the break by 128 KiB inside its call (F1).
 * The first payload is 32 bytes behind the old break, whatever that was (G4).
 */
#include "snippet.h"

int main(void)
{
	void *ptr = xmalloc(1000);

	xfree(ptr);
	return 0;
}
