// SPDX-License-Identifier: BSD-3-Clause

/*
 * The links in a mapping's header are overwritten; freeing another mapping finds it.
 * expect: os_free(): overwritten header
 */

#include "misuse.h"

int main(void)
{
	struct block_meta *first = announce(os_malloc(200000));
	void *second = os_malloc(200000);

	first[-1].prev = (struct block_meta *)8;
	first[-1].next = (struct block_meta *)8;
	os_free(second);
	return 0;
}
