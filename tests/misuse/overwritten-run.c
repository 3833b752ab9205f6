// SPDX-License-Identifier: BSD-3-Clause

/*
 * A free block's size would lead from its free left neighbour to address 8.
 * expect: os_malloc(): overwritten header
 */

#include <stdint.h>

#include "misuse.h"

int main(void)
{
	void *left = os_malloc(100);
	struct block_meta *freed = announce(os_malloc(100));

	os_malloc(10);
	os_free(freed);
	os_free(left);
	freed[-1].size = 8 - (uintptr_t)freed;
	return !os_malloc(131000);
}
