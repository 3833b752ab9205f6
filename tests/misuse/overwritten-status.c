// SPDX-License-Identifier: BSD-3-Clause

/*
 * A live block's status and checksum are changed in bits that could cancel each
 * other out.
 * expect: os_free(): overwritten header
 */

#include "misuse.h"

int main(void)
{
	struct block_meta *live;

	os_malloc(100);
	live = announce(os_malloc(100));
	os_malloc(100);
	live[-1].status ^= (int)(1U << 31);
	((unsigned int *)live)[-5] ^= 2;
	os_free(live);
	return 0;
}
