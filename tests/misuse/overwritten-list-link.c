// SPDX-License-Identifier: BSD-3-Clause

/*
 * Three pairs of freed neighbours are in the list of pending merges. A link of the
 * first pair is made to lead to the third pair instead of the second.
 * expect: os_free(): overwritten header
 */

#include <stdint.h>

#include "misuse.h"

#define PAIRS	3

int main(void)
{
	char *neighbour = os_malloc(104);
	char *pairs[PAIRS][2];

	for (int i = 0; i < PAIRS; i++) {
		pairs[i][0] = os_malloc(104);
		pairs[i][1] = os_malloc(104);
		os_malloc(8);
	}
	for (int i = 0; i < PAIRS; i++) {
		os_free(pairs[i][0]);
		os_free(pairs[i][1]);
	}
	announce(pairs[0][1]);
	((uint32_t *)pairs[0][1])[-2] = (uint32_t)((pairs[2][0] - neighbour) / 8 + 1);
	os_free(neighbour);
	return 0;
}
