// SPDX-License-Identifier: BSD-3-Clause

/*
 * A write to a freed block's size, found when a search merges it although
 * another block fits.
 * expect: os_malloc(): overwritten header
 */

#include "misuse.h"

int main(void)
{
	struct block_meta *freed = announce(os_malloc(100));

	os_malloc(10);
	os_free(freed);
	freed[-1].size = 96;
	return !os_malloc(1000);
}
