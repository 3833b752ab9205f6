// SPDX-License-Identifier: BSD-3-Clause

/*
 * Zeroes over the links of the second of two freed neighbours. The report names
 * the place where they lead, in front of the heap.
 * expect: os_malloc(): overwritten header
 */

#include "misuse.h"

int main(void)
{
	char *first = os_malloc(104);
	struct block_meta *second = os_malloc(104);

	os_malloc(8);
	announce(first - 8);
	os_free(first);
	os_free(second);
	second[-1].prev = NULL;
	return !os_malloc(1000);
}
