// SPDX-License-Identifier: BSD-3-Clause

/*
 * A write to the prev field of a block that was freed long before its right
 * neighbour.
 * expect: os_malloc(): overwritten header
 */

#include "misuse.h"

int main(void)
{
	struct block_meta *left = announce(os_malloc(100));
	void *freed = os_malloc(100);

	os_malloc(10);
	os_free(left);
	os_malloc(1000);
	os_free(freed);
	left[-1].prev = (struct block_meta *)8;
	return !os_malloc(131000);
}
