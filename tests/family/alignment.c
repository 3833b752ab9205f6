// SPDX-License-Identifier: BSD-3-Clause

/*
 * The address of every block is a multiple of 16. The functions that take an
 * alignment keep it for any size, and their blocks can be resized and freed like
 * all others. Invalid alignments fail with EINVAL, too large ones with ENOMEM.
 */

#include "family.h"

#define LARGEST_SHIFT	26	/* 64 MiB */

static const size_t sizes[] = {
	0, 1, 7, 8, 15, 16, 17, 24, 48, 63, 64, 100, 127, 128, 129, 500, 1000, 1024, 2049, 4095,
	4096, 4097, 8191, 12345, 32768, 65535, 65537, 100000, 131072, 200000,
};

static const size_t large[] = {
	5001, 8192, 10000, 16383, 20000, 32769, 50000, 65536, 99999, 131071, 131072, 131073, 200000,
	262145, 500000, MIB - 1, MIB, MIB + 1, 2 * MIB, 3 * MIB + 5, 4 * MIB, 5 * MIB - 17,
	10 * MIB, 16 * MIB + 1, 31 * MIB, 32 * MIB, 33 * MIB, 63 * MIB, 64 * MIB,
};

static void free_all(void **blocks, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(blocks[i]);
}

static void plain_blocks_of(size_t size)
{
	void *blocks[4] = { malloc(size), calloc(1, size), realloc(NULL, size), malloc(size) };

	for (size_t i = 0; i < LENGTH(blocks); i++)
		CHECK_FOR(blocks[i] && multiple_of(blocks[i], GRAIN), size);
	blocks[0] = realloc(blocks[0], size + size / 2 + 1);
	blocks[1] = realloc(blocks[1], size / 2 + 1);
	blocks[2] = realloc(blocks[2], size + 1);
	for (size_t i = 0; i < LENGTH(blocks); i++)
		CHECK_FOR(blocks[i] && multiple_of(blocks[i], GRAIN), size);
	free_all(blocks, LENGTH(blocks));
}

static void plain_blocks(void)
{
	for (size_t size = 0; size <= 5000; size++)
		plain_blocks_of(size);
	for (size_t i = 0; i < LENGTH(large); i++)
		plain_blocks_of(large[i]);
}

/* All of it, except in a library that does not cut the block out of a larger one. */
static size_t to_fill(void *block, size_t size)
{
	size_t usable = malloc_usable_size(block);

	CHECK_FOR(usable >= size, size);
	return usable < MIB ? usable : size;
}

/* One block from each function, all held at once. */
static void aligned_blocks_of(size_t alignment, size_t size)
{
	void *blocks[4] = {
		aligned_alloc(alignment, size), memalign(alignment, size), malloc(size), NULL
	};
	size_t least = alignment < sizeof(void *) ? sizeof(void *) : alignment;

	CHECK_FOR(posix_memalign(&blocks[3], least, size) == 0, size);
	for (size_t i = 0; i < LENGTH(blocks); i++) {
		CHECK_FOR(blocks[i] && multiple_of(blocks[i], GRAIN), size);
		CHECK_FOR(i == 2 || multiple_of(blocks[i], alignment), size);
		fill(blocks[i], to_fill(blocks[i], size), i);
	}
	for (size_t i = 0; i < LENGTH(blocks); i++)
		CHECK_FOR(holds(blocks[i], to_fill(blocks[i], size), i), size);
	free_all(blocks, LENGTH(blocks));
}

static void aligned_blocks(void)
{
	for (int shift = 0; shift <= LARGEST_SHIFT; shift++)
		for (size_t i = 0; i < LENGTH(sizes); i++)
			aligned_blocks_of((size_t)1 << shift, sizes[i]);
}

/* Contents survive each step: grow, grow a lot, shrink. The alignment may be lost. */
static void resize_aligned(size_t alignment, size_t size)
{
	size_t steps[] = { size + 100, 3 * size + 5000, size / 2 + 1, 300000, 1 };
	char *block = memalign(alignment, size);
	size_t kept = size;

	CHECK_FOR(block, size);
	fill(block, size, 7);
	for (size_t i = 0; i < LENGTH(steps); i++) {
		block = realloc(block, steps[i]);
		CHECK_FOR(block && multiple_of(block, GRAIN), size);
		kept = kept < steps[i] ? kept : steps[i];
		CHECK_FOR(holds(block, kept, 7), size);
		CHECK_FOR(malloc_usable_size(block) >= steps[i], size);
	}
	free(block);
}

static void resize_all(void)
{
	for (int shift = 0; shift <= LARGEST_SHIFT; shift++)
		for (size_t i = 0; i < LENGTH(sizes); i += 3)
			resize_aligned((size_t)1 << shift, sizes[i]);
}

/* Many at once, so that the memory in front of an aligned block is used for others. */
static void mixed_alignments(void)
{
	static struct { void *block; size_t size; } held[2000];
	uint64_t state = 88172645463325252;

	for (size_t i = 0; i < LENGTH(held); i++) {
		size_t alignment = (size_t)1 << next_random(&state) % 16;

		held[i].size = random_size(&state) / 4;
		held[i].block = i % 4 ? memalign(alignment, held[i].size) : malloc(held[i].size);
		CHECK_FOR(held[i].block, i);
		CHECK_FOR(multiple_of(held[i].block, i % 4 ? alignment : GRAIN), alignment);
		fill(held[i].block, held[i].size, i);
	}
	for (size_t i = 0; i < LENGTH(held); i++) {
		CHECK_FOR(holds(held[i].block, held[i].size, i), i);
		free(held[i].block);
	}
}

static void whole_pages(void)
{
	size_t page = page_size();

	for (size_t i = 0; i < LENGTH(sizes); i++) {
		void *v = valloc(sizes[i]);
		void *pv = pvalloc(sizes[i]);
		size_t rounded = (sizes[i] + page - 1) / page * page;

		CHECK_FOR(v && multiple_of(v, page), sizes[i]);
		CHECK_FOR(pv && multiple_of(pv, page), sizes[i]);
		CHECK_FOR(malloc_usable_size(v) >= sizes[i], sizes[i]);
		CHECK_FOR(malloc_usable_size(pv) >= rounded, sizes[i]);
		fill(v, sizes[i], 1);
		fill(pv, rounded, 2);
		CHECK_FOR(holds(v, sizes[i], 1), sizes[i]);
		free(v);
		free(pv);
	}
}

static void no_alignment(void)
{
	static const size_t wrong[] = {
		0, 3, 5, 6, 7, 9, 12, 24, 40, 48, 96, 100, 1000, 4095, 4097, 12288, SIZE_MAX,
		((size_t)1 << 40) + 16, ((size_t)1 << 63) + 1,
	};
	void *before = malloc(1);
	void *answer = before;

	for (size_t i = 0; i < LENGTH(wrong); i++) {
		CHECK_FOR(posix_memalign(&answer, hide_size(wrong[i]), 100) == EINVAL, wrong[i]);
		CHECK_FOR(posix_memalign(&answer, hide_size(wrong[i]), 0) == EINVAL, wrong[i]);
	}
	/* Powers of two that are not multiples of sizeof(void *). */
	for (size_t alignment = 1; alignment < sizeof(void *); alignment *= 2)
		CHECK_FOR(posix_memalign(&answer, hide_size(alignment), 100) == EINVAL, alignment);
	CHECK(answer == before);
	free(before);
	/* glibc 2.36 rounds such an alignment up to a power of two here. */
	for (size_t i = 0; i < LENGTH(wrong) && !on_glibc(); i++) {
		errno = 0;
		CHECK_FOR(!aligned_alloc(hide_size(wrong[i]), 96), wrong[i]);
		CHECK_FOR(errno == EINVAL, wrong[i]);
		errno = 0;
		CHECK_FOR(!memalign(hide_size(wrong[i]), 96), wrong[i]);
		CHECK_FOR(errno == EINVAL, wrong[i]);
	}
}

/* Powers of two that are larger than the address space of a process. */
static void huge_alignment(void)
{
	for (int shift = 48; shift < 64; shift++) {
		size_t alignment = hide_size((size_t)1 << shift);
		void *answer = &answer;

		errno = 0;
		CHECK_FOR(!memalign(alignment, 100) && errno == ENOMEM, alignment);
		errno = 0;
		CHECK_FOR(!aligned_alloc(alignment, 0) && errno == ENOMEM, alignment);
		CHECK_FOR(posix_memalign(&answer, alignment, 1) == ENOMEM, alignment);
		CHECK_FOR(answer == &answer, alignment);
	}
}

int main(void)
{
	watchdog();
	plain_blocks();
	aligned_blocks();
	resize_all();
	mixed_alignments();
	whole_pages();
	no_alignment();
	huge_alignment();
	return 0;
}
