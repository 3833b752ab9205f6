// SPDX-License-Identifier: BSD-3-Clause

/*
 * A write behind a block over its free neighbour, found when a search takes that one.
 * expect: os_malloc(): overwritten header
 */

#include "misuse.h"

int main(void)
{
	char *p = os_malloc(104);

	announce(p + 104 + sizeof(struct block_meta));
	p[104] ^= 8;
	p = os_malloc(100);
	return 0;
}
