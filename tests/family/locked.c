// SPDX-License-Identifier: BSD-3-Clause

/*
 * A program that locks all its memory, now and in future (mlockall): memory that it frees still
 * returns to the kernel, and calloc() still clears memory.
 */

#include "family.h"

#include <sys/mman.h>

#define BLOCKS	60000
#define SIZE	((size_t)1000)
#define LARGE	(9 * MIB)

static void *blocks[BLOCKS];

static void allocate_all(void)
{
	for (size_t i = 0; i < BLOCKS; i++) {
		blocks[i] = calloc(1, SIZE);
		CHECK_FOR(blocks[i] && all_zero(blocks[i], SIZE), i);
		fill(blocks[i], SIZE, i);
	}
}

static void free_all(void)
{
	for (size_t i = 0; i < BLOCKS; i++) {
		CHECK_FOR(holds(blocks[i], SIZE, i), i);
		free(blocks[i]);
	}
	malloc_trim(0);
}

int main(void)
{
	void *large;

	watchdog();
	free(malloc(SIZE));
	if (mlockall(MCL_CURRENT | MCL_FUTURE))
		skip("this process may not lock its memory (RLIMIT_MEMLOCK)");
	/* Allocates first what is never returned, such as a leaf of the page map. */
	allocate_all();
	free_all();
	for (int round = 0; round < 2; round++) {
		size_t before = process_has(VM_RESIDENT);
		size_t after;

		allocate_all();
		CHECK(process_has(VM_RESIDENT) > before + BLOCKS * SIZE / 2);
		free_all();
		after = process_has(VM_RESIDENT);
		CHECK_FOR(after < before + MIB, after - before);
	}
	large = malloc(LARGE);
	memset(large, 1, LARGE);
	free(large);
	large = calloc(1, LARGE);
	CHECK(large && all_zero(large, LARGE));
	return 0;
}
