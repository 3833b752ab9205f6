// SPDX-License-Identifier: BSD-3-Clause
/* Zeroed blocks of 512 KiB, 3 and 12 MiB, each allocated and freed a thousand times. */

#include "budget.h"

#define ROUNDS	1000

PHASE(kib_512)
PHASE(mib_3)
PHASE(mib_12)

static void round_trips(size_t size, size_t rounds)
{
	for (size_t n = 0; n < rounds; n++) {
		char *block = calloc(size / 16, 16);

		CHECK(block && !block[0] && !block[size / 2] && !block[size - 1]);
		block[0] = 1;
		block[size / 2] = 1;
		block[size - 1] = 1;
		free(block);
	}
}

int main(void)
{
	round_trips(512 * KIB, 1);
	phase_kib_512();
	round_trips(512 * KIB, ROUNDS);
	phase_mib_3();
	round_trips(3 * MIB, ROUNDS);
	phase_mib_12();
	round_trips(12 * MIB, ROUNDS);
	return 0;
}
