// SPDX-License-Identifier: BSD-3-Clause

/*
 * Sizes are rounded up to a multiple of 8: the program may write to all of those bytes, and no
 * other block shares them. Both wrappers, under the names of malloc(3).
 */

#include "../family/family.h"

#define MOST	2000

static size_t rounded(size_t size)
{
	return (size + 7) & ~(size_t)7;
}

int main(void)
{
	static unsigned char *blocks[MOST];

	watchdog();
	for (size_t size = 1; size < MOST; size++) {
		blocks[size] = malloc(size);
		CHECK_FOR(blocks[size], size);
		fill(blocks[size], rounded(size), size);
	}
	for (size_t size = 1; size < MOST; size++) {
		CHECK_FOR(holds(blocks[size], rounded(size), size), size);
		free(blocks[size]);
	}
	return 0;
}
