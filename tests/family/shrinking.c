// SPDX-License-Identifier: BSD-3-Clause

/*
 * A large block that shrinks to half stays in place, keeps its contents and returns the other half
 * to the kernel, whether it was allocated at its size or has grown to it. A block that shrinks by
 * less than a quarter keeps its memory. A mapping that the program then makes in place of that half
 * stays as it is.
 */

#include "family.h"

#include <sys/mman.h>

#define GROWN_FROM	(2 * MIB)

static const size_t sizes[] = { 3 * MIB, 40 * MIB, 256 * MIB, 300 * MIB };

static void shrink(char *block, size_t size)
{
	size_t before = process_has(VM_RESIDENT);
	char *half;

	fill(block, size / 2, 1);
	half = realloc(block, size / 2);
	CHECK_FOR(half == block, size);
	CHECK_FOR(holds(half, size / 2, 1), size);
	CHECK_FOR(malloc_usable_size(half) < size / 2 + size / 4, size);
	/* A smaller one keeps its pages for the next block. */
	if (size > 16 * MIB)
		CHECK_FOR(process_has(VM_RESIDENT) < before - size / 2 + 4 * MIB, size);
	free(half);
}

static void allocated(void *arg)
{
	size_t size = *(const size_t *)arg;
	char *block = malloc(size);

	CHECK_FOR(block, size);
	memset(block, 1, size);
	shrink(block, size);
}

static void grown(void *arg)
{
	size_t size = *(const size_t *)arg;
	char *block = malloc(GROWN_FROM);

	CHECK_FOR(block, size);
	block = realloc(block, size);
	CHECK_FOR(block, size);
	memset(block, 1, size);
	shrink(block, size);
}

static void a_little_less(void *arg)
{
	size_t size = *(const size_t *)arg;
	char *block = malloc(size);
	size_t usable = malloc_usable_size(block);
	uintptr_t before = (uintptr_t)block;

	block = realloc(block, size - size / 5);
	CHECK_FOR(block && (uintptr_t)block == before, size);
	/* In the hardened build that is what was asked for. */
	if (usable != size)
		CHECK_FOR(malloc_usable_size(block) == usable, size);
	free(block);
}

/* A block with a large alignment whose length is not a multiple of it. */
static void a_neighbour_moves_in(void *arg)
{
	size_t size = *(const size_t *)arg;
	char *block = memalign(4 * MIB, size + 64 * KIB);
	char *neighbour;

	CHECK_FOR(block, size);
	block = realloc(block, size / 2);
	CHECK_FOR(block, size);
	neighbour = mmap(block + size / 2 + MIB, MIB, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	/* In the hardened build a guard is there. */
	if (neighbour == MAP_FAILED)
		return;
	fill(neighbour, MIB, size);
	free(block);
	malloc_trim(0);
	CHECK_FOR(holds(neighbour, MIB, size), size);
}

int main(void)
{
	watchdog();
	for (size_t i = 0; i < LENGTH(sizes); i++) {
		in_child(allocated, (void *)&sizes[i]);
		in_child(grown, (void *)&sizes[i]);
		in_child(a_little_less, (void *)&sizes[i]);
		if (sizes[i] > 8 * MIB)
			in_child(a_neighbour_moves_in, (void *)&sizes[i]);
	}
	return 0;
}
