// SPDX-License-Identifier: BSD-3-Clause
/*
 * Sizes from 1 to 33 bytes become the next multiple of 8, so that each payload
 * follows the one before at that distance and a header (G2).
 */
#include "snippet.h"

#define MOST 33

int main(void)
{
	void *blocks[MOST + 1];

	for (size_t size = 1; size <= MOST; size++) {
		blocks[size] = xmalloc(size);
		EQUAL(usable(blocks[size]), round_up(size), "size is not rounded up (G2)");
	}
	for (size_t size = 1; size <= MOST; size++)
		xfree(blocks[size]);
	return 0;
}
