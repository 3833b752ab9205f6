// SPDX-License-Identifier: BSD-3-Clause

/*
 * A write to the prev field of a block that was freed last.
 * expect: os_malloc(): overwritten header
 */

#include "misuse.h"

int main(void)
{
	struct block_meta *freed = announce(os_malloc(100));

	os_malloc(10);
	os_free(freed);
	freed[-1].prev = (struct block_meta *)8;
	return !os_malloc(131000);
}
