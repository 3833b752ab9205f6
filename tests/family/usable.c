// SPDX-License-Identifier: BSD-3-Clause

/*
 * malloc_usable_size(): at least the requested size, and constant while the block
 * is live. The program may write every byte of it, and no other block overlaps it.
 */

#include "family.h"

struct held {
	void *block;
	size_t usable;
};

static void take(struct held *held, void *block, size_t size, size_t seed)
{
	held->block = block;
	held->usable = malloc_usable_size(block);
	CHECK_FOR(block, size);
	CHECK_FOR(held->usable >= size, size);
	fill(block, held->usable, seed);
}

static void give(struct held *held, size_t seed)
{
	CHECK_FOR(malloc_usable_size(held->block) == held->usable, held->usable);
	CHECK_FOR(holds(held->block, held->usable, seed), held->usable);
	free(held->block);
	held->block = NULL;
}

/* All of these are full at the same time, so blocks that overlap are noticed. */
static void neighbours(size_t size, size_t count)
{
	static struct held held[64];

	for (size_t i = 0; i < count; i++)
		take(&held[i], malloc(size), size, i);
	/* Replaces every second block by one of about the same size. */
	for (size_t i = 0; i < count; i += 2) {
		give(&held[i], i);
		take(&held[i], malloc(size + i % 7), size, i);
	}
	for (size_t i = 0; i < count; i++)
		give(&held[i], i);
}

/* In order of size, all held at once, so that neighbours have different sizes. */
static void staircase(void)
{
	static struct held held[5001];

	for (size_t size = 0; size < LENGTH(held); size++)
		take(&held[size], malloc(size), size, size);
	for (size_t size = 0; size < LENGTH(held); size += 3) {
		give(&held[size], size);
		take(&held[size], calloc(1, size), size, size);
	}
	for (size_t size = LENGTH(held); size-- > 0;)
		give(&held[size], size);
}

static void at_random(void)
{
	static struct held held[1000];
	uint64_t state = 88172645463325252;

	for (size_t i = 0; i < 50000; i++) {
		size_t which = next_random(&state) % LENGTH(held);
		size_t size = random_size(&state) / 2;

		if (held[which].block)
			give(&held[which], which);
		take(&held[which], i % 3 ? malloc(size) : memalign(64, size), size, which);
	}
	for (size_t i = 0; i < LENGTH(held); i++)
		if (held[i].block)
			give(&held[i], i);
}

/* Asking changes nothing, from any thread and any number of times. */
static void stable(void)
{
	for (size_t size = 0; size < 10 * MIB; size += size / 3 + 1) {
		char *block = malloc(size);
		size_t usable = malloc_usable_size(block);

		CHECK_FOR(block, size);
		memset(block, 'x', usable);
		for (int i = 0; i < 3; i++) {
			free(malloc(size));
			CHECK_FOR(malloc_usable_size(block) == usable, size);
		}
		for (size_t at = 0; at < usable; at += usable / 1000 + 1)
			CHECK_FOR(block[at] == 'x', size);
		free(block);
	}
	CHECK(malloc_usable_size(NULL) == 0);
}

int main(void)
{
	watchdog();
	for (size_t size = 0; size < 5000; size += 1 + size / 64)
		neighbours(size, 64);
	for (size_t size = 5000; size < 200000; size += size / 8)
		neighbours(size, 32);
	for (size_t size = 200000; size < 8 * MIB; size *= 2)
		neighbours(size, 4);
	staircase();
	at_random();
	stable();
	return 0;
}
