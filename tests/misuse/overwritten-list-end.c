// SPDX-License-Identifier: BSD-3-Clause

/*
 * The second of two freed neighbours has a link in the list of pending merges. It
 * is made to lead to the free block at the end of the heap, behind which there is
 * no memory.
 * expect: os_free(): overwritten header
 */

#include <stdint.h>

#include "misuse.h"

int main(void)
{
	char *neighbour = os_malloc(104);
	char *first = os_malloc(104);
	char *second = announce(os_malloc(104));
	char *end = (char *)os_malloc(8) + sizeof(struct block_meta) + 8;

	os_free(first);
	os_free(second);
	((uint32_t *)second)[-2] = (uint32_t)((end - neighbour) / 8 + 1);
	os_free(neighbour);
	return 0;
}
