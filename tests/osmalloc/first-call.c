// SPDX-License-Identifier: BSD-3-Clause
/* The first block of a process, and then one of each other small size. */

#include "budget.h"

#define LARGEST	1024

static char *more[LARGEST / 16];

PHASE(sizes)

int main(void)
{
	char *first = checked_malloc(24);

	phase_sizes();
	for (size_t n = 0; n < LENGTH(more); n++)
		more[n] = checked_malloc(16 * (n + 1));
	free_all(more, LENGTH(more));
	free(first);
	return 0;
}
