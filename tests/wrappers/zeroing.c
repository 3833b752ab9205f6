// SPDX-License-Identifier: BSD-3-Clause

/*
 * calloc() clears memory that was used before, and such memory does come back. Both wrappers,
 * under the names of malloc(3).
 */

#include "../family/family.h"

static const size_t sizes[] = {
	1, 8, 24, 100, 1000, 4000, 4096, 10000, 60000, 131000, 131040, 131071, 131072, 200000, MIB
};

/* Whether calloc() returned the memory that was filled and freed just before. */
static bool reused(size_t size)
{
	char *first = malloc(size), *second;
	uintptr_t place = (uintptr_t)first;

	CHECK_FOR(first, size);
	memset(first, 0xff, size);
	free(first);
	second = calloc(size, 1);
	CHECK_FOR(second && all_zero(second, size), size);
	memset(second, 0xff, size);
	place -= (uintptr_t)second;
	free(second);
	return !place;
}

int main(void)
{
	size_t hits = 0;

	watchdog();
	for (size_t i = 0; i < LENGTH(sizes); i++)
		for (size_t j = 0; j < 10; j++)
			hits += reused(sizes[i]);
	/* At least the small sizes reuse their memory. */
	CHECK_FOR(hits >= 50, hits);
	return 0;
}
