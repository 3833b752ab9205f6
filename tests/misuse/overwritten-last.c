// SPDX-License-Identifier: BSD-3-Clause

/*
 * The header of the heap's live last block is made to look free and large; an
 * os_malloc() that grows the heap there finds it.
 * expect: os_malloc(): overwritten header
 */

#include "misuse.h"

int main(void)
{
	struct block_meta *last;

	os_malloc(130900);
	last = (struct block_meta *)announce(os_malloc(104)) - 1;
	last->size = 100000;
	last->status = STATUS_FREE;
	return !os_malloc(50000);
}
