// SPDX-License-Identifier: BSD-3-Clause
/*
 * A thousand live blocks of 1 to 128 KiB: one at random is replaced by one of another size.
 * Then all are freed.
 */

#include "budget.h"

#define LIVE	1000
#define WARM	50000
#define ROUNDS	500000

static char *blocks[LIVE];

PHASE(warm_up)
PHASE(steady)
PHASE(free)

static void churn(uint64_t *state, size_t rounds)
{
	for (size_t n = 0; n < rounds; n++) {
		size_t place = random_between(state, 0, LIVE - 1);

		replace(&blocks[place], random_between(state, KIB, 128 * KIB));
	}
}

int main(void)
{
	uint64_t state = 2;

	for (size_t n = 0; n < LIVE; n++)
		blocks[n] = checked_malloc(random_between(&state, KIB, 128 * KIB));
	phase_warm_up();
	churn(&state, WARM);
	phase_steady();
	churn(&state, ROUNDS);
	phase_free();
	free_all(blocks, LIVE);
	return 0;
}
