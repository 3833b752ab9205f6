// SPDX-License-Identifier: BSD-3-Clause
/* 64 MiB in blocks of 16 bytes to 4 KiB are all freed, then allocated and freed four times. */

#include "budget.h"

#define LEAST	16
#define MOST	4096
#define LIVE	(64 * MIB / (MOST / 2))
#define TIMES	4

static char *blocks[LIVE];

PHASE(free)
PHASE(again)

static void take(void)
{
	uint64_t state = 3;

	for (size_t n = 0; n < LIVE; n++)
		blocks[n] = checked_malloc(random_between(&state, LEAST, MOST));
}

int main(void)
{
	take();
	phase_free();
	free_all(blocks, LIVE);
	phase_again();
	for (size_t n = 0; n < TIMES; n++) {
		take();
		free_all(blocks, LIVE);
	}
	return 0;
}
