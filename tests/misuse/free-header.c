// SPDX-License-Identifier: BSD-3-Clause

/*
 * The header's address instead of the payload's, of the heap's first block.
 * expect: os_free(): interior pointer
 */

#include "misuse.h"

int main(void)
{
	char *p = os_malloc(100);

	os_free(announce(p - sizeof(struct block_meta)));
	return 0;
}
