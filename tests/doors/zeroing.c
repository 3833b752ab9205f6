// SPDX-License-Identifier: BSD-3-Clause

/*
 * Memory that was used before comes back as zeroes where zeroes were asked for, and it does
 * come back. Both doors, under the names of malloc(3).
 */

#include "../family/family.h"

static const size_t sizes[] = {
	1, 8, 24, 100, 1000, 4000, 4096, 10000, 60000, 131000, 131040, 131071, 131072, 200000, MIB
};

/* Whether what calloc() gave has been full of something else. */
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
	/* At least the small ones' places. */
	CHECK_FOR(hits >= 50, hits);
	return 0;
}
