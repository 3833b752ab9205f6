// SPDX-License-Identifier: BSD-3-Clause
/*
 * 131033 bytes are 131040 rounded up and reach 128 KiB with their header: the
 * smallest mapping (W1).
 */
#include "snippet.h"

int main(void)
{
	void *ptr = xmalloc(131033);

	xfree(ptr);
	return 0;
}
