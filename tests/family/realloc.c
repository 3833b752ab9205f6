// SPDX-License-Identifier: BSD-3-Clause

/*
 * realloc(): contents survive chains of growing and shrinking across all sizes
 * from 1 byte to 4 MiB, alone and in between other blocks; growth within
 * malloc_usable_size() never moves a block; one that fails changes nothing.
 */

#include "family.h"

#define MOST	(4 * MIB)

static void *resize(void *block, size_t old, size_t size, size_t seed)
{
	block = realloc(block, size);
	CHECK_FOR(block && multiple_of(block, GRAIN), size);
	CHECK_FOR(malloc_usable_size(block) >= size, size);
	CHECK_FOR(holds(block, old < size ? old : size, seed), size);
	return block;
}

/* Byte by byte, up and down again. */
static void every_small_size(void)
{
	size_t size = 1;
	void *block = malloc(size);

	CHECK(block);
	for (; size < 6000; size++) {
		fill(block, size, size);
		block = resize(block, size, size + 1, size);
	}
	fill(block, size, 3);
	for (; size > 1; size--)
		block = resize(block, size, size - 1, 3);
	free(block);
}

/* Four blocks grow in turn, so that none has room behind it for long. */
#define TURNS	4

static void grow_chain(void **blocks, size_t *last, size_t percent, size_t more)
{
	size_t round = 0;
	size_t old = 0;

	for (size_t size = 1; size <= MOST; size += size * percent / 100 + more) {
		for (size_t i = 0; i < TURNS; i++) {
			blocks[i] = resize(blocks[i], old, size, round * TURNS + i);
			fill(blocks[i], size, (round + 1) * TURNS + i);
		}
		round++;
		old = size;
	}
	for (size_t i = 0; i < TURNS; i++)
		fill(blocks[i], old, i);
	*last = old;
}

static void shrink_chain(void **blocks, size_t last, size_t percent)
{
	for (size_t size; last > 1; last = size) {
		size = (last - 1) - (last - 1) * percent / 200;
		for (size_t i = 0; i < TURNS; i++)
			blocks[i] = resize(blocks[i], last, size, i);
	}
	for (size_t i = 0; i < TURNS; i++)
		free(blocks[i]);
}

static void chain(size_t percent, size_t more)
{
	void *blocks[TURNS] = { NULL };
	size_t last;

	grow_chain(blocks, &last, percent, more);
	shrink_chain(blocks, last, percent ? percent : 10);
}

/* From each of these sizes to each other, with contents. */
static void jumps(void)
{
	static const size_t sizes[] = {
		1, 16, 24, 25, 100, 512, 1024, 1025, 2048, 4096, 4097, 9000, 16384, 32768, 40000,
		65536, 65537, 131072, 150000, 262144, 500000, MIB, MIB + 1, 2 * MIB, 3 * MIB + 7,
		MOST,
	};

	for (size_t i = 0; i < LENGTH(sizes); i++)
		for (size_t j = 0; j < LENGTH(sizes); j++) {
			void *block = malloc(sizes[i]);

			CHECK_FOR(block, sizes[i]);
			fill(block, sizes[i], j);
			free(resize(block, sizes[i], sizes[j], j));
		}
}

static void grow_in_place(size_t size)
{
	void *block = malloc(size);
	void *next = malloc(size);
	size_t step = (malloc_usable_size(block) - size) / 8 + 1;
	size_t usable;

	CHECK_FOR(block && next, size);
	fill(block, size, size);
	for (size_t wanted = size ? size : 1; wanted <= malloc_usable_size(block); wanted += step) {
		CHECK_FOR(realloc(hide(block), wanted) == block, size);
		CHECK_FOR(malloc_usable_size(block) >= wanted, size);
		CHECK_FOR(holds(block, size, size), size);
	}
	usable = malloc_usable_size(block);
	if (usable) {
		CHECK_FOR(realloc(hide(block), usable) == block, size);
		CHECK_FOR(reallocarray(hide(block), 1, usable) == block, size);
	}
	CHECK_FOR(holds(block, size, size), size);
	free(block);
	free(next);
}

static void within_usable(void)
{
	for (size_t size = 0; size <= 5000; size++)
		grow_in_place(size);
	for (size_t size = 5000; size <= MOST; size += size / 20)
		grow_in_place(size);
}

/* The block, its usable size and its bytes must not change. */
static void refused(void)
{
	static const size_t too_much[] = {
		PTRDIFF_MAX, PTRDIFF_MAX - 15, SIZE_MAX, SIZE_MAX / 2 + 1, (size_t)1 << 50
	};

	for (size_t size = 1; size <= MOST; size += size / 2 + 1) {
		void *block = malloc(size);
		size_t usable = malloc_usable_size(block);

		CHECK_FOR(block, size);
		fill(block, usable, size);
		for (size_t i = 0; i < LENGTH(too_much); i++) {
			errno = 0;
			CHECK_FOR(!realloc(hide(block), hide_size(too_much[i])), size);
			CHECK_FOR(errno == ENOMEM, size);
			errno = 0;
			CHECK_FOR(!reallocarray(hide(block), hide_size(SIZE_MAX / 8), 16), size);
			CHECK_FOR(errno == ENOMEM, size);
		}
		CHECK_FOR(malloc_usable_size(block) == usable, size);
		CHECK_FOR(holds(block, usable, size), size);
		free(block);
	}
}

/* Like malloc() and like realloc(), respectively. */
static void arrays(void)
{
	for (size_t count = 1; count < 3000; count += 37) {
		char *block = reallocarray(NULL, count, 24);

		CHECK_FOR(block && malloc_usable_size(block) >= count * 24, count);
		fill(block, count * 24, count);
		block = reallocarray(block, count, 56);
		CHECK_FOR(block && malloc_usable_size(block) >= count * 56, count);
		CHECK_FOR(holds(block, count * 24, count), count);
		block = reallocarray(block, count, 3);
		CHECK_FOR(block && holds(block, count * 3, count), count);
		free(block);
	}
}

static void at_random(void)
{
	static struct { void *block; size_t size; } slots[300];
	uint64_t state = 88172645463325252;

	for (size_t i = 0; i < 40000; i++) {
		size_t which = next_random(&state) % LENGTH(slots);
		size_t size = random_size(&state);

		slots[which].block = resize(slots[which].block, slots[which].size, size, which);
		slots[which].size = size;
		fill(slots[which].block, size, which);
	}
	for (size_t i = 0; i < LENGTH(slots); i++) {
		CHECK_FOR(holds(slots[i].block, slots[i].size, i), i);
		free(slots[i].block);
	}
}

int main(void)
{
	watchdog();
	every_small_size();
	chain(20, 1);
	chain(0, 9973);
	chain(100, 3);
	jumps();
	within_usable();
	refused();
	arrays();
	at_random();
	return 0;
}
