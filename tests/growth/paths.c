// SPDX-License-Identifier: BSD-3-Clause

/*
 * paths PATH COUNT: allocates COUNT blocks, then does STEPS operations of one kind in measured(),
 * whose instructions callgrind counts (tests/test_growth.py). No byte of a block is touched, so
 * all blocks together may be larger than the machine's memory.
 */

#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIB	((size_t)1 << 20)
#define STEPS	300
#define COUNT_MOST	20000

static void *blocks[COUNT_MOST + STEPS];
static size_t count;
static uint64_t state = 88172645463325252;

struct path {
	const char *name;
	size_t size, alignment;		/* 0: any */
	void (*work)(const struct path *path);
};

/* Marsaglia's xorshift64. */
static size_t next_random(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state >> 11;
}

static void *make(const struct path *path)
{
	void *block = path->alignment ? memalign(path->alignment, path->size) :
					malloc(path->size);

	if (!block)
		abort();
	return block;
}

static void replace(const struct path *path)
{
	for (size_t i = 0; i < STEPS; i++) {
		void **block = &blocks[next_random() % count];

		free(*block);
		*block = make(path);
	}
}

static void add(const struct path *path)
{
	for (size_t i = 0; i < STEPS; i++)
		blocks[count + i] = make(path);
}

static void drop(const struct path *path)
{
	(void)path;
	for (size_t i = 0; i < STEPS; i++)
		free(blocks[i * (count / STEPS)]);
}

/* Of one block: COUNT times the path's size. */
static void change_length(const struct path *path)
{
	size_t length = count * path->size;

	for (size_t i = 0; i < STEPS; i++) {
		free(malloc(length));
		blocks[0] = realloc(blocks[0], i % 2 ? length : length / 2);
	}
}

static void trim(const struct path *path)
{
	(void)path;
	for (size_t i = 0; i < STEPS; i++) {
		free(blocks[i]);
		malloc_trim(0);
	}
}

static const struct path paths[] = {
	{ "replace-slot", 100000, 0, replace },
	{ "add-slot", 100000, 0, add },
	{ "drop-slot", 100000, 0, drop },
	{ "replace-span", 3 * MIB / 2, 0, replace },
	{ "add-span", 3 * MIB / 2, 0, add },
	{ "drop-span", 3 * MIB / 2, 0, drop },
	{ "replace-aligned", 100, 64 * 1024, replace },
	{ "add-aligned", 100, 64 * 1024, add },
	{ "change-length", 32 * 1024, 0, change_length },
	{ "trim", 100000, 0, trim },
};

__attribute__((noinline)) void measured(const struct path *path);

void measured(const struct path *path)
{
	path->work(path);
}

int main(int argc, char **argv)
{
	count = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
	for (size_t n = 0; n < sizeof(paths) / sizeof(*paths) && count <= COUNT_MOST; n++) {
		if (count < STEPS || strcmp(paths[n].name, argv[1]))
			continue;
		for (size_t i = 0; i < count; i++)
			blocks[i] = make(&paths[n]);
		measured(&paths[n]);
		return 0;
	}
	fprintf(stderr, "usage: paths PATH COUNT, %d to %d\n", STEPS, COUNT_MOST);
	return 2;
}
