// SPDX-License-Identifier: BSD-3-Clause
/* Blocks of a page and more in one thread, and blocks that grow. */

#include "work.h"

#include <string.h>

#define PAGE		4096UL
#define MIXED_LIVE	1000
#define BUFFERS		1000
#define BUFFER_MOST	(64 * KIB)
#define GROW_MOST	(16 * MIB)
#define BIG_LIVE	32
#define CALLOC_LIVE	16

/* mixed: 1,000 blocks of 1 to 128 KiB, a random one of them replaced; only one word is written */

static void mixed(struct work *work)
{
	void **slots = table(MIXED_LIVE * sizeof(*slots));

	for (size_t steps = scaled(work, 1500000); steps; steps--)
		replace(work, &slots[random_below(&work->random, MIXED_LIVE)],
			random_between(&work->random, KIB, 128 * KIB));
	give_all(work, slots, MIXED_LIVE);
}

/* Enlarges the block and writes the new bytes. */
static void *enlarge(struct work *work, char *block, size_t size)
{
	size_t old = *(size_t *)(void *)block;

	block = realloc(block, size);
	if (!block)
		complain("out of memory");
	if (*(size_t *)(void *)block != old)
		complain("realloc has lost what was written");
	memset(block + old, 1, size - old);
	work->operations++;
	work->asked += size - old;
	*(size_t *)(void *)block = size;
	return block;
}

/* grow: one block from 64 bytes to 16 MiB, an eighth more each time */

static void grow(struct work *work)
{
	for (size_t rounds = scaled(work, 30); rounds; rounds--) {
		void *block = take(work, 64);

		for (size_t size = 64; size < GROW_MOST; size += size / 8)
			block = enlarge(work, block, size + size / 8);
		give(work, block);
	}
}

/* append: 1,000 buffers, a random one doubles; one that has reached 64 KiB is freed */

static void append(struct work *work)
{
	void **slots = table(BUFFERS * sizeof(*slots));

	for (size_t steps = scaled(work, 400000); steps; steps--) {
		void **slot = &slots[random_below(&work->random, BUFFERS)];

		if (!*slot) {
			*slot = take(work, random_between(&work->random, 16, 32));
		} else if (*(size_t *)*slot < BUFFER_MOST) {
			*slot = enlarge(work, *slot, 2 * *(size_t *)*slot);
		} else {
			give(work, *slot);
			*slot = NULL;
		}
	}
	give_all(work, slots, BUFFERS);
}

/* big: 32 buffers of 128 KiB to 2 MiB, every page written */

static void big(struct work *work)
{
	void **slots = table(BIG_LIVE * sizeof(*slots));

	for (size_t steps = scaled(work, 3000); steps; steps--) {
		size_t size = random_between(&work->random, 128 * KIB, 2 * MIB);
		void **slot = &slots[random_below(&work->random, BIG_LIVE)];

		replace(work, slot, size);
		for (size_t i = PAGE; i < size; i += PAGE)
			((char *)*slot)[i] = 1;
	}
	give_all(work, slots, BIG_LIVE);
}

/* calloc: 16 zeroed blocks of 256 KiB to 8 MiB; one page in eight is used */

static void *take_zeroed(struct work *work, size_t size)
{
	char *block = calloc(size, 1);

	if (!block)
		complain("out of memory");
	for (size_t i = 0; i < size; i += 8 * PAGE) {
		if (block[i])
			complain("calloc returned a block that is not zeroed");
		block[i] = 1;
	}
	return booked(work, block, size);
}

static void zeroed(struct work *work)
{
	void **slots = table(CALLOC_LIVE * sizeof(*slots));

	for (size_t steps = scaled(work, 1000); steps; steps--) {
		void **slot = &slots[random_below(&work->random, CALLOC_LIVE)];

		if (*slot)
			give(work, *slot);
		*slot = take_zeroed(work, random_between(&work->random, 256 * KIB, 8 * MIB));
	}
	give_all(work, slots, CALLOC_LIVE);
}

const struct workload large_workloads[] = {
	{ .name = "mixed", .run = mixed },
	{ .name = "grow", .run = grow },
	{ .name = "append", .run = append },
	{ .name = "big", .run = big },
	{ .name = "calloc", .run = zeroed },
	{ .name = NULL },
};
