// SPDX-License-Identifier: BSD-3-Clause
/* A heap that only grows: 128 MiB of blocks of 64 bytes, in four steps. */

#include "budget.h"

#define BLOCK	64
#define STEP	(32 * MIB / BLOCK)

PHASE(to_64_mib)
PHASE(to_96_mib)
PHASE(to_128_mib)

static void grow(void)
{
	for (size_t n = 0; n < STEP; n++)
		checked_malloc(BLOCK);
}

int main(void)
{
	grow();
	phase_to_64_mib();
	grow();
	phase_to_96_mib();
	grow();
	phase_to_128_mib();
	grow();
	return 0;
}
