// SPDX-License-Identifier: BSD-3-Clause

/*
 * A free block's links are made to lead into a live payload, where freeing the next
 * block of that size would write a link. The report names the address there.
 * expect: os_free(): overwritten header
 */

#include <stdint.h>

#include "misuse.h"

int main(void)
{
	char *live = os_malloc(1000);
	uint32_t *freed = os_malloc(104);
	void *next;

	os_malloc(8);
	next = os_malloc(104);
	os_malloc(8);
	os_free(freed);
	freed[-2] = (1000 - 104) / 8;
	freed[-1] = freed[-2];
	announce(live + 1000 - 104 - 8);
	os_free(next);
	return 0;
}
