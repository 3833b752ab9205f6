// SPDX-License-Identifier: BSD-3-Clause

/*
 * The links of a free block are changed to form a circle.
 * expect: os_malloc(): overwritten header
 */

#include <stdint.h>

#include "misuse.h"

int main(void)
{
	struct block_meta *freed = announce(os_malloc(100));

	os_malloc(10);
	os_free(freed);
	freed[-1].next = (struct block_meta *)(uintptr_t)0x0000000100000001;
	return !os_malloc(100);
}
