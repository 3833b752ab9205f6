// SPDX-License-Identifier: BSD-3-Clause

/*
 * A write to the prev field of the block that was freed last, found when it is
 * merged.
 * expect: os_malloc(): overwritten header
 */

#include "misuse.h"

int main(void)
{
	struct block_meta *freed = announce(os_malloc(100));

	os_free(freed);
	freed[-1].prev = (struct block_meta *)8;
	return !os_malloc(131000);
}
