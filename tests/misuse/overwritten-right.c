// SPDX-License-Identifier: BSD-3-Clause

/*
 * A free block's size would lead os_realloc() of its left neighbour back into the
 * payload of that one, and from there to the free block again, in a circle.
 * expect: os_realloc(): overwritten header
 */

#include "misuse.h"

int main(void)
{
	struct block_meta *left = os_malloc(104);
	struct block_meta *freed = announce(os_malloc(100));

	os_malloc(10);
	os_free(freed);
	left->size = 104 - sizeof(*left);
	left->status = STATUS_FREE;
	freed[-1].size = -(104 + sizeof(*left));
	return !os_realloc(left, 300);
}
