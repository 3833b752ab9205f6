// SPDX-License-Identifier: BSD-3-Clause
/* 2,000 live blocks of 16 to 1,024 bytes at 32 bytes to 4 KiB, and two at 64 KiB and 1 MiB. */

#include "budget.h"

#define LIVE	2000
#define ROUNDS	1000000
#define FAR_WARM	3
#define FAR_ROUNDS	1000

static char *blocks[LIVE];

PHASE(steady)
PHASE(far)
PHASE(far_steady)

static char *take(size_t alignment, size_t size)
{
	void *block;

	CHECK(posix_memalign(&block, alignment, size) == 0 && (uintptr_t)block % alignment == 0);
	*(char *)block = 1;
	return block;
}

static void churn(uint64_t *state, size_t rounds)
{
	for (size_t n = 0; n < rounds; n++) {
		char **place = &blocks[n % LIVE];

		free(*place);
		*place = take((size_t)32 << n % 8, random_between(state, 16, 1024));
	}
}

static void far_rounds(size_t rounds)
{
	for (size_t n = 0; n < rounds; n++) {
		char *near = take(64 * KIB, 100 * KIB);
		char *far = take(MIB, 100 * KIB);

		free(near);
		free(far);
	}
}

int main(void)
{
	uint64_t state = 4;

	churn(&state, 50 * LIVE);
	phase_steady();
	churn(&state, ROUNDS);
	phase_far();
	far_rounds(FAR_WARM);
	phase_far_steady();
	far_rounds(FAR_ROUNDS);
	return 0;
}
