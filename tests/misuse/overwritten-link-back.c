// SPDX-License-Identifier: BSD-3-Clause

/*
 * Of four freed blocks the second one's link to the one freed after it is made
 * to lead to the one freed first.
 * expect: os_malloc(): overwritten header
 */

#include <stdint.h>

#include "misuse.h"

int main(void)
{
	char *blocks[4];

	for (int i = 0; i < 4; i++) {
		blocks[i] = os_malloc(104);
		if (i > 0)
			os_malloc(8);
	}
	announce(blocks[1]);
	os_free(blocks[3]);
	os_free(blocks[1]);
	os_free(blocks[2]);
	os_free(blocks[0]);
	((uint32_t *)blocks[1])[-2] = (uint32_t)((blocks[3] - blocks[0]) / 8 + 1);
	return !os_malloc(1000);
}
