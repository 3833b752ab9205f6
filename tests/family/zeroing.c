// SPDX-License-Identifier: BSD-3-Clause

/*
 * calloc() clears every byte of the request, also where a block with other contents
 * was just freed, of the same size or of another.
 */

#include "family.h"

#define DIRTY	8

static const size_t large[] = {
	5001, 8192, 10000, 16384, 20001, 32768, 50000, 65537, 100000, 131072, 131073, 200000,
	262145, 500000, MIB, MIB + 1, 2 * MIB, 2 * MIB + 4097, 4 * MIB, 8 * MIB - 1, 16 * MIB,
};

/* Frees used blocks of this size, which calloc() may get. */
static void leave_dirt(size_t size)
{
	size_t count = size < MIB ? DIRTY : 2;
	void *blocks[DIRTY];

	for (size_t i = 0; i < count; i++) {
		blocks[i] = malloc(size);
		CHECK_FOR(blocks[i], size);
		memset(blocks[i], 0xff, malloc_usable_size(blocks[i]));
	}
	for (size_t i = 0; i < count; i++)
		free(blocks[i]);
}

static void *zeroed(void *block, size_t size)
{
	CHECK_FOR(block && multiple_of(block, GRAIN), size);
	CHECK_FOR(malloc_usable_size(block) >= size, size);
	CHECK_FOR(all_zero(block, size), size);
	memset(block, 0xff, malloc_usable_size(block));
	return block;
}

/* All are live at the same time, so they are different blocks. */
static void same_size(size_t size)
{
	size_t count = size < MIB ? DIRTY : 2;
	void *blocks[DIRTY];

	leave_dirt(size);
	for (size_t i = 0; i < count; i++)
		blocks[i] = zeroed(i % 2 ? calloc(1, size) : calloc(size, 1), size);
	for (size_t i = 0; i < count; i++)
		free(blocks[i]);
}

/* Where larger and smaller blocks were. */
static void other_size(size_t size)
{
	leave_dirt(size + 100);
	leave_dirt(2 * size + 1);
	leave_dirt(size / 2 + 1);
	free(zeroed(calloc(1, size), size));
	leave_dirt(3 * size);
	free(zeroed(calloc(size / 8 + 1, 8), size / 8 * 8 + 8));
}

/* What an alignment cut off, and what is left when a block shrinks. */
static void odd_ends(size_t size)
{
	char *block = memalign(4096, size);
	void *shrunk;

	CHECK_FOR(block, size);
	memset(block, 0xff, malloc_usable_size(block));
	free(block);
	free(zeroed(calloc(1, size), size));
	block = malloc(3 * size);
	CHECK_FOR(block, size);
	memset(block, 0xff, malloc_usable_size(block));
	shrunk = realloc(block, size);
	CHECK_FOR(shrunk, size);
	free(zeroed(calloc(1, size), size));
	free(shrunk);
}

static void at_random(void)
{
	static void *slots[500];
	uint64_t state = 88172645463325252;

	for (size_t i = 0; i < 30000; i++) {
		void **slot = &slots[next_random(&state) % LENGTH(slots)];
		size_t size = random_size(&state);

		free(*slot);
		*slot = zeroed(calloc(1, size), size);
	}
	for (size_t i = 0; i < LENGTH(slots); i++)
		free(slots[i]);
}

int main(void)
{
	watchdog();
	for (size_t size = 1; size <= 5000; size++)
		same_size(size);
	for (size_t size = 1; size <= 5000; size += 13) {
		other_size(size);
		odd_ends(size);
	}
	for (size_t i = 0; i < LENGTH(large); i++) {
		same_size(large[i]);
		other_size(large[i]);
		odd_ends(large[i]);
	}
	at_random();
	return 0;
}
