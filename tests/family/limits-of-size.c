// SPDX-License-Identifier: BSD-3-Clause

/*
 * Impossible requests: more than PTRDIFF_MAX bytes, sizes to which adding a
 * header, an alignment or a page wraps around, products that overflow. Every
 * function returns NULL with ENOMEM. And the smallest request: a block of 0 bytes
 * is a block of its own, but realloc() with size 0 frees.
 */

#include "family.h"

#define HALF	((size_t)1 << 63)

static void *block;

/* The last call must have returned NULL with ENOMEM. */
static void refused(const void *answer, size_t size)
{
	CHECK_FOR(!answer, size);
	CHECK_FOR(errno == ENOMEM, size);
	CHECK_FOR(holds(block, 100, 1), size);
	errno = 0;
}

static void refuse_posix(size_t alignment, size_t size)
{
	void *answer = block;

	CHECK_FOR(posix_memalign(&answer, alignment, size) == ENOMEM, size);
	CHECK_FOR(answer == block, size);
	/* errno.c tests whether it sets errno. */
	errno = 0;
}

static void refuse(size_t size)
{
	errno = 0;
	refused(malloc(hide_size(size)), size);
	refused(calloc(1, hide_size(size)), size);
	refused(calloc(hide_size(size), 1), size);
	refused(realloc(NULL, hide_size(size)), size);
	refused(realloc(hide(block), hide_size(size)), size);
	refused(reallocarray(NULL, 1, hide_size(size)), size);
	refused(reallocarray(hide(block), hide_size(size), 1), size);
	refused(aligned_alloc(64, hide_size(size)), size);
	refused(memalign(4096, hide_size(size)), size);
	refused(memalign(16, hide_size(size)), size);
	refused(valloc(hide_size(size)), size);
	refused(pvalloc(hide_size(size)), size);
	refuse_posix(sizeof(void *), size);
	refuse_posix(4096, size);
}

static void too_large(void)
{
	for (size_t i = 0; i < 40; i++) {
		refuse(PTRDIFF_MAX - 20 + i);
		refuse(SIZE_MAX - i);
		refuse(SIZE_MAX - page_size() - 20 + i);
		refuse(HALF + (HALF >> 1) + i);
	}
	/* A valid size, but more than the address space of an x86-64 process. */
	for (int shift = 48; shift < 63; shift++)
		refuse((size_t)1 << shift);
}

/* Size and alignment are each possible, or nearly; their sum is not. */
static void too_large_when_aligned(void)
{
	for (int shift = 4; shift < 62; shift++)
		for (size_t off = 0; off < 40; off++) {
			size_t alignment = (size_t)1 << shift;
			size_t size = PTRDIFF_MAX - alignment - 20 + off;

			errno = 0;
			refused(memalign(alignment, hide_size(size)), size);
			refused(aligned_alloc(alignment, hide_size(size)), size);
			refuse_posix(alignment, size);
			size = SIZE_MAX - alignment - 20 + off % 20;
			refused(memalign(alignment, hide_size(size)), size);
		}
}

static void refuse_product(size_t count, size_t size)
{
	errno = 0;
	refused(calloc(hide_size(count), hide_size(size)), size);
	refused(reallocarray(NULL, hide_size(count), hide_size(size)), size);
	refused(reallocarray(hide(block), hide_size(count), hide_size(size)), size);
}

/* Most of these products are small numbers, or 0, when computed with 64 bits. */
static void products(void)
{
	static const size_t factors[][2] = {
		{ HALF, 2 }, { HALF, SIZE_MAX }, { SIZE_MAX, SIZE_MAX }, { SIZE_MAX, 2 },
		{ PTRDIFF_MAX, 2 }, { PTRDIFF_MAX, 3 }, { (size_t)1 << 32, (size_t)1 << 32 },
		{ ((size_t)1 << 32) + 1, (size_t)1 << 32 }, { ((size_t)1 << 60) + 1, 16 },
		{ ((size_t)1 << 61) + 13, 8 }, { SIZE_MAX / 3 + 1, 3 }, { SIZE_MAX / 7 + 1, 7 },
		{ SIZE_MAX / 1000 + 1, 1000 }, { ((size_t)1 << 33) + 1, ((size_t)1 << 31) },
	};

	for (size_t i = 0; i < LENGTH(factors); i++) {
		refuse_product(factors[i][0], factors[i][1]);
		refuse_product(factors[i][1], factors[i][0]);
	}
}

#define EMPTY	50

/* Blocks of 0 bytes have different addresses. */
static void no_bytes(void)
{
	void *empty[EMPTY][6];
	void **all = &empty[0][0];

	for (size_t i = 0; i < EMPTY; i++) {
		empty[i][0] = malloc(hide_size(0));
		empty[i][1] = calloc(0, i);
		empty[i][2] = calloc(i, 0);
		empty[i][3] = realloc(NULL, hide_size(0));
		empty[i][4] = calloc(0, hide_size(SIZE_MAX));
		empty[i][5] = reallocarray(NULL, 0, i);
	}
	for (size_t i = 0; i < EMPTY * 6; i++) {
		CHECK_FOR(all[i] && multiple_of(all[i], GRAIN), i);
		for (size_t j = 0; j < i; j++)
			CHECK_FOR(all[i] != all[j], i);
	}
	for (size_t i = 0; i < EMPTY * 6; i++)
		free(all[i]);
}

static void release_by_realloc(void *ptr, size_t size)
{
	CHECK_FOR(!realloc(ptr, hide_size(0)), size);
}

static void release_by_reallocarray(void *ptr, size_t size)
{
	CHECK_FOR(!reallocarray(ptr, hide_size(0), size), size);
}

static void release_by_reallocarray_of_nothing(void *ptr, size_t size)
{
	CHECK_FOR(!reallocarray(ptr, size, hide_size(0)), size);
}

int main(void)
{
	watchdog();
	block = malloc(100);
	CHECK(block);
	fill(block, 100, 1);
	too_large();
	too_large_when_aligned();
	products();
	no_bytes();
	check_releases(release_by_realloc);
	check_releases(release_by_reallocarray);
	check_releases(release_by_reallocarray_of_nothing);
	CHECK(holds(block, 100, 1));
	free(block);
	return 0;
}
