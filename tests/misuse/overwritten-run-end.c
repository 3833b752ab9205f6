// SPDX-License-Identifier: BSD-3-Clause

/*
 * The second of three freed neighbours has a link to the last of them. It is made
 * to lead to the live block behind them, so that merging would include that block.
 * expect: os_malloc(): overwritten header
 */

#include <stdint.h>

#include "misuse.h"

int main(void)
{
	char *blocks[4];

	for (int i = 0; i < 4; i++)
		blocks[i] = os_malloc(104);
	announce(blocks[1]);
	for (int i = 0; i < 3; i++)
		os_free(blocks[i]);
	((uint32_t *)blocks[1])[-3] = (uint32_t)((blocks[3] - blocks[0]) / 8 + 1);
	return !os_malloc(1000);
}
