// SPDX-License-Identifier: BSD-3-Clause

/*
 * What the four functions do with NULL, with size 0, with impossible sizes and overflowing
 * products, and what they do to errno and to contents. Both wrappers, under the names of malloc(3).
 */

#include "../family/family.h"

#define BLOCKS	200
#define STEPS	40000

static void nothing(void)
{
	void *empty[] = { malloc(0), calloc(0, 8), calloc(8, 0), calloc(0, 0), realloc(NULL, 0) };

	for (size_t i = 0; i < LENGTH(empty); i++) {
		CHECK_FOR(empty[i], i);
		for (size_t j = 0; j < i; j++)
			CHECK_FOR(empty[i] != empty[j], i);
	}
	for (size_t i = 0; i < LENGTH(empty); i++)
		free(empty[i]);
	free(NULL);
	for (size_t i = 0; i < 100000; i++)
		CHECK_FOR(!realloc(malloc(1000), hide_size(0)), i);
	/* A leak would cost 100 MB. */
	CHECK(process_has(VM_DATA) < 50 * MIB);
}

static void refused(const void *answer, size_t size)
{
	CHECK_FOR(!answer, size);
	CHECK_FOR(errno == ENOMEM, size);
	errno = 0;
}

/* After a failed realloc() the block is unchanged. */
static void too_much(void)
{
	static const size_t sizes[] = {
		SIZE_MAX, SIZE_MAX - 7, SIZE_MAX - 15, SIZE_MAX - 47, SIZE_MAX / 2 + 1,
		PTRDIFF_MAX, PTRDIFF_MAX - 31, (size_t)1 << 60
	};
	void *blocks[] = { malloc(100), malloc(200000) };

	errno = 0;
	for (size_t i = 0; i < LENGTH(sizes); i++) {
		refused(malloc(hide_size(sizes[i])), sizes[i]);
		refused(calloc(1, hide_size(sizes[i])), sizes[i]);
		refused(calloc(hide_size(sizes[i]), 16), sizes[i]);
		refused(calloc(hide_size(SIZE_MAX / 16 + 2), 16), sizes[i]);
		for (size_t j = 0; j < LENGTH(blocks); j++) {
			fill(blocks[j], 100, i);
			refused(realloc(hide(blocks[j]), hide_size(sizes[i])), sizes[i]);
			CHECK_FOR(holds(blocks[j], 100, i), sizes[i]);
		}
	}
	free(blocks[0]);
	free(blocks[1]);
}

static void *untouched(void *block, size_t size)
{
	CHECK_FOR(block, size);
	CHECK_FOR(errno == UNTOUCHED, size);
	return block;
}

static void errno_stays(void)
{
	errno = UNTOUCHED;
	for (size_t size = 0; size < 4 * MIB; size += size / 2 + 1) {
		void *block = untouched(malloc(size), size);

		block = untouched(realloc(block, 2 * size + 1), size);
		block = untouched(realloc(block, size / 3 + 1), size);
		free(untouched(calloc(2, size), size));
		free(block);
		CHECK_FOR(errno == UNTOUCHED, size);
	}
}

static void contents_stay(void)
{
	static struct { void *block; size_t size; } held[BLOCKS];
	uint64_t state = 88172645463325252;

	for (size_t i = 0; i < STEPS; i++) {
		size_t which = next_random(&state) % BLOCKS, old = held[which].size;
		size_t size = random_size(&state);
		void *block = realloc(held[which].block, size);

		CHECK_FOR(block && holds(block, old < size ? old : size, which), i);
		fill(block, size, which);
		held[which].block = block;
		held[which].size = size;
	}
	for (size_t i = 0; i < BLOCKS; i++)
		free(held[i].block);
}

int main(void)
{
	watchdog();
	nothing();
	too_much();
	errno_stays();
	contents_stay();
	return 0;
}
