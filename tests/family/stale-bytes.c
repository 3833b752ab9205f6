// SPDX-License-Identifier: BSD-3-Clause

/*
 * A program copies bytes that it never set: they may hold what the allocator wrote into free
 * slots in an earlier life of the memory. A block with such bytes in it is live all the same.
 * Any number of steps as an argument: realloc() and memcpy() at random, for make stress.
 */

#include "family.h"

#define LARGE	(640 * (size_t)2048)
#define TABLE	256
#define MOVED	4096

/* The same bytes, at the addresses where they once meant something. */
static void copy_back(size_t size)
{
	static char *small[LARGE / GRAIN];
	const size_t count = LARGE / size, most = LARGE - 100000;
	char *kept = malloc(LARGE);
	uintptr_t start;
	char *large;

	CHECK(kept);
	for (size_t i = 0; i < count; i++)
		small[i] = malloc(size);
	for (size_t i = 0; i < count; i++)
		free(small[i]);
	large = malloc(most);
	CHECK(large);
	memcpy(kept, hide(large), most);
	start = (uintptr_t)large;
	free(large);
	for (size_t i = 0; i < count; i++) {
		size_t at;

		small[i] = malloc(size);
		CHECK_FOR(small[i], size);
		at = (uintptr_t)small[i] - start;
		if (at < most - size)
			memcpy(small[i], kept + at, size);
	}
	for (size_t i = 0; i < count; i++)
		free(small[i]);
	free(kept);
}

/* Blocks grow, shrink and get each other's bytes, set or not. */
static void churn(size_t steps)
{
	static char *table[TABLE];
	uint64_t state = 1;

	for (size_t step = 0; step < steps; step++) {
		size_t to = next_random(&state) % TABLE;
		size_t from = next_random(&state) % TABLE;
		size_t size = random_size(&state);

		table[to] = realloc(table[to], size);
		CHECK_FOR(table[to], size);
		if (table[from] && malloc_usable_size(table[from]) < size)
			size = malloc_usable_size(table[from]);
		if (table[from])
			memmove(table[to], hide(table[from]), size < MOVED ? size : MOVED);
	}
}

int main(int argc, char **argv)
{
	if (argc > 1) {
		churn(strtoul(argv[1], NULL, 10));
		return 0;
	}
	watchdog();
	for (size_t size = 16; size <= 4096; size *= 2)
		copy_back(size);
	churn(100000);
	return 0;
}
