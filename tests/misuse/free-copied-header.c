// SPDX-License-Identifier: BSD-3-Clause

/*
 * A pointer behind an exact copy of a live block's header.
 * expect: os_free(): interior pointer
 */

#include "misuse.h"

int main(void)
{
	struct block_meta *p = os_malloc(200);

	p[1] = p[-1];
	os_free(announce(p + 2));
	return 0;
}
