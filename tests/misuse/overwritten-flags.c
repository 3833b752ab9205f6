// SPDX-License-Identifier: BSD-3-Clause

/*
 * A free block's size and checksum are overwritten so that a run of free blocks
 * seems to continue at an address that belongs to no block.
 * expect: os_realloc(): overwritten header
 */

#include <stdint.h>

#include "misuse.h"

int main(void)
{
	void *live = os_malloc(104);
	struct block_meta *freed = announce(os_malloc(100));

	os_malloc(10);
	os_free(freed);
	freed[-1].size = 8 - (uintptr_t)freed;
	((unsigned int *)freed)[-5] |= 2;
	return !os_realloc(live, 300);
}
