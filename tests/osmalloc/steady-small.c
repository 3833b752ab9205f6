// SPDX-License-Identifier: BSD-3-Clause
/* A few small sizes, a thousand live blocks: three million times one is replaced by another. */

#include "budget.h"

#define LIVE	1000
#define ROUNDS	3000000

static const size_t sizes[] = { 16, 24, 48, 100, 256, 512 };
static char *blocks[LIVE];

PHASE(steady)

int main(void)
{
	uint64_t state = 1;

	for (size_t n = 0; n < LIVE; n++)
		blocks[n] = checked_malloc(sizes[n % LENGTH(sizes)]);
	phase_steady();
	for (size_t n = 0; n < ROUNDS; n++) {
		size_t place = random_between(&state, 0, LIVE - 1);

		replace(&blocks[place], sizes[place % LENGTH(sizes)]);
	}
	return 0;
}
