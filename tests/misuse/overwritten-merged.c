// SPDX-License-Identifier: BSD-3-Clause

/*
 * A write to a freed block's size, found when its neighbour is freed.
 * expect: os_free(): overwritten header
 */

#include "misuse.h"

int main(void)
{
	struct block_meta *freed = announce(os_malloc(100));
	void *right = os_malloc(10);

	os_free(freed);
	freed[-1].size = 96;
	os_free(right);
	return 0;
}
