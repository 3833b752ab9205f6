// SPDX-License-Identifier: BSD-3-Clause

/*
 * The header of the heap's last block, behind another one, is made to look free.
 * expect: os_malloc(): overwritten header
 */

#include "misuse.h"

int main(void)
{
	struct block_meta *last = announce(os_malloc(131032));

	last[-1].status = STATUS_FREE;
	last[-1].prev = (struct block_meta *)8;
	return !os_malloc(50000);
}
