// SPDX-License-Identifier: BSD-3-Clause
/* Two large blocks, a span and a mapping, are allocated and freed a thousand times. */

#include "budget.h"

#define SPAN	(3 * MIB)
#define MAPPING	(12 * MIB)
#define ROUNDS	1000

PHASE(steady)

static void round_trip(void)
{
	char *span = checked_malloc(SPAN);
	char *mapping = checked_malloc(MAPPING);

	free(span);
	free(mapping);
}

int main(void)
{
	round_trip();
	phase_steady();
	for (size_t n = 0; n < ROUNDS; n++)
		round_trip();
	return 0;
}
