// SPDX-License-Identifier: BSD-3-Clause

/*
 * errno: a call that succeeds does not change it. free() never does, nor does
 * posix_memalign(), which returns its error instead (rlimits.c has an exception).
 */

#include "family.h"

static const size_t sizes[] = {
	0, 1, 16, 24, 100, 500, 1000, 1024, 2000, 5000, 10000, 20000, 32769, 60000, 65537, 131072,
	200000, 500000, MIB, 2 * MIB + 1, 5 * MIB, 20 * MIB, 64 * MIB,
};

static void *untouched(void *block, size_t size)
{
	CHECK_FOR(block, size);
	CHECK_FOR(errno == UNTOUCHED, size);
	return block;
}

static void release(void *block, size_t size)
{
	free(block);
	CHECK_FOR(errno == UNTOUCHED, size);
}

static void posix(size_t alignment, size_t size)
{
	void *block;

	CHECK_FOR(posix_memalign(&block, alignment, size) == 0, size);
	release(untouched(block, size), size);
}

static void success(size_t size)
{
	void *blocks[] = {
		untouched(malloc(size), size), untouched(calloc(1, size), size),
		untouched(realloc(NULL, size), size), untouched(aligned_alloc(64, size), size),
		untouched(memalign(8192, size), size), untouched(valloc(size), size),
		untouched(pvalloc(size), size), untouched(reallocarray(NULL, 2, size), size),
	};

	posix(16, size);
	posix(65536, size);
	for (size_t i = 0; i < LENGTH(blocks); i++) {
		blocks[i] = untouched(realloc(blocks[i], size + i * 100 + 1), size);
		blocks[i] = untouched(realloc(blocks[i], size / 2 + 1), size);
		CHECK_FOR(malloc_usable_size(blocks[i]) && errno == UNTOUCHED, size);
	}
	for (size_t i = 0; i < LENGTH(blocks); i++)
		release(blocks[i], size);
}

/* Enough to grow whatever there is, and to give it back. */
static void many(size_t size)
{
	static void *blocks[20000];
	size_t count = 50 * MIB / (size + 1);

	count = count < LENGTH(blocks) ? count : LENGTH(blocks);
	for (size_t i = 0; i < count; i++)
		blocks[i] = untouched(malloc(size), size);
	for (size_t i = 0; i < count; i++)
		release(blocks[i], size);
}

static void failure(size_t alignment, size_t size, int error)
{
	void *answer = NULL;

	errno = UNTOUCHED;
	CHECK_FOR(posix_memalign(&answer, hide_size(alignment), hide_size(size)) == error, size);
	CHECK_FOR(!answer, size);
	/* POSIX does not want errno set; glibc sets it to ENOMEM all the same. */
	CHECK_FOR(errno == UNTOUCHED || (error == ENOMEM && on_glibc()), size);
}

/* With each value in errno: 0, and one that malloc() itself uses. */
static void release_keeps_any(void)
{
	static const int values[] = { 0, ENOMEM, EINVAL, EAGAIN, -1, UNTOUCHED };

	for (size_t i = 0; i < LENGTH(values); i++)
		for (size_t j = 0; j < LENGTH(sizes); j++) {
			void *block = malloc(sizes[j]);

			errno = values[i];
			free(block);
			CHECK_FOR(errno == values[i], sizes[j]);
			free(NULL);
			CHECK_FOR(errno == values[i], sizes[j]);
		}
}

int main(void)
{
	watchdog();
	errno = UNTOUCHED;
	release(NULL, 0);
	for (size_t i = 0; i < LENGTH(sizes); i++) {
		success(sizes[i]);
		many(sizes[i]);
	}
	failure(16, PTRDIFF_MAX, ENOMEM);
	failure(8, SIZE_MAX, ENOMEM);
	failure(4096, SIZE_MAX / 2 + 1, ENOMEM);
	failure((size_t)1 << 62, 1, ENOMEM);
	failure(0, 100, EINVAL);
	failure(24, 100, EINVAL);
	failure(4, 100, EINVAL);
	failure(SIZE_MAX, 100, EINVAL);
	release_keeps_any();
	return 0;
}
