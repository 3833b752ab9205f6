// SPDX-License-Identifier: BSD-3-Clause

/*
 * An address right behind the heap.
 * expect: os_free(): invalid pointer
 */

#include "misuse.h"

int main(void)
{
	char *p = os_malloc(100);
	size_t rest = ((struct block_meta *)(p + 104))->size;

	os_free(announce(p + 104 + sizeof(struct block_meta) + rest));
	return 0;
}
