// SPDX-License-Identifier: BSD-3-Clause

#define _GNU_SOURCE

#include "bench.h"

#include <dlfcn.h>
#include <string.h>

#include "random.h"

#define SIZE_LEAST	8
#define SIZE_MOST	1024	/* the churn's largest request */
#define EQUAL_SIZE	64
#define SMALL_SIZE	24	/* holes that are too small for LARGE_SIZE */
#define LARGE_SIZE	128
#define GROUP		17	/* a block and the small neighbours on its right */
#define GROUP_FIRST	64
#define GROUP_OTHERS	8
#define HEADER		32	/* of osmem: a resize gains it with each neighbour */
#define DISTINCT_MOST	16000	/* sizes of 8, 16, ... stay below the mapping threshold */
#define HUGE_HOLE	100000	/* larger than any hole, below the mapping threshold */

static size_t random_size(struct run *run)
{
	return random_between(&run->random, SIZE_LEAST, SIZE_MOST);
}

/* Allocates into an empty slot and writes to the block, as any program would. */
static void hold(struct run *run, size_t slot, size_t size)
{
	void *payload = run->allocator.alloc(size);

	if (!payload)
		complain("out of memory", run->allocator.name);
	*(uint64_t *)payload = size;
	run->slots[slot] = payload;
}

static void drop(struct run *run, size_t slot)
{
	run->allocator.release(run->slots[slot]);
	run->slots[slot] = NULL;
}

void run_clear(struct run *run)
{
	for (size_t slot = 0; slot < slots_wanted(run->blocks); slot++)
		if (run->slots[slot])
			drop(run, slot);
}

size_t slots_wanted(size_t blocks)
{
	return 2 * blocks + blocks / 8 + GROUP;
}

/* One free and one allocation: the operation of most states. */
static void replace(struct run *run, size_t slot, size_t size)
{
	drop(run, slot);
	hold(run, slot, size);
}

/* Frees every other slot of [from, to). */
static void drop_alternate(struct run *run, size_t from, size_t to)
{
	for (size_t slot = from; slot < to; slot += 2)
		drop(run, slot);
}

/* Makes a search, so that all free blocks are merged and nothing is pending. */
static void settle(struct run *run)
{
	size_t spare = slots_wanted(run->blocks) - 1;

	hold(run, spare, SIZE_LEAST);
	drop(run, spare);
}

/* Every other block becomes a hole that searches know. */
static void punch_holes(struct run *run)
{
	drop_alternate(run, 0, 2 * run->blocks);
	settle(run);
}

/* A random slot that punch_holes() left full. */
static size_t random_odd(struct run *run)
{
	return 2 * random_below(&run->random, run->blocks) + 1;
}

static size_t some_steps(size_t blocks)
{
	return blocks / 4 + 1;
}

static size_t one_step(size_t blocks)
{
	(void)blocks;
	return 1;
}

/* churn: blocks of random sizes, a random one of them replaced by one of another size */

static void churn_setup(struct run *run)
{
	for (size_t slot = 0; slot < run->blocks; slot++)
		hold(run, slot, random_size(run));
}

static void churn_step(struct run *run)
{
	size_t slot = random_below(&run->random, run->blocks);

	replace(run, slot, random_size(run));
}

/*
 * chase: the blocks of churn again, but an operation only reads from one block the
 * address of the next: the cost of one access to a random block.
 */

static void chase_setup(struct run *run)
{
	churn_setup(run);
	for (size_t slot = run->blocks - 1; slot > 0; slot--) {
		size_t other = random_below(&run->random, slot);
		void *payload = run->slots[slot];

		/* Sattolo's algorithm: swaps with lower ones only, so all form one circle. */
		run->slots[slot] = run->slots[other];
		run->slots[other] = payload;
	}
	for (size_t slot = 0; slot < run->blocks; slot++)
		*(void **)run->slots[slot] = run->slots[(slot + 1) % run->blocks];
	run->cursor = run->slots[0];
}

static void chase_step(struct run *run)
{
	run->cursor = *(void **)run->cursor;
}

/* equal: as many holes as live blocks, all of one size */

static void equal_setup(struct run *run)
{
	for (size_t slot = 0; slot < 2 * run->blocks; slot++)
		hold(run, slot, EQUAL_SIZE);
	punch_holes(run);
}

static void equal_step(struct run *run)
{
	replace(run, random_odd(run), EQUAL_SIZE);
}

/* distinct: as many holes as live blocks, no two of one size */

static size_t distinct_size(const struct run *run, size_t i)
{
	return 8 * (1 + i * 7919 % run->blocks);
}

static void distinct_setup(struct run *run)
{
	if (run->blocks > DISTINCT_MOST)
		complain("there are not so many different sizes below 128 KiB", "distinct");
	for (size_t slot = 0; slot < 2 * run->blocks; slot += 2) {
		hold(run, slot, distinct_size(run, slot / 2));
		hold(run, slot + 1, SIZE_LEAST);
	}
	punch_holes(run);
}

static void distinct_step(struct run *run)
{
	replace(run, random_odd(run), distinct_size(run, random_below(&run->random, run->blocks)));
}

/* alternate: blocks of random sizes, every other one free */

static void alternate_setup(struct run *run)
{
	for (size_t slot = 0; slot < 2 * run->blocks; slot++)
		hold(run, slot, random_size(run));
	punch_holes(run);
}

static void alternate_step(struct run *run)
{
	replace(run, random_odd(run), random_size(run));
}

/* hostile to first fit: small holes at low addresses, larger requests */

static void hostile_setup(struct run *run)
{
	for (size_t slot = 0; slot < 2 * run->blocks; slot++)
		hold(run, slot, SMALL_SIZE);
	for (size_t slot = 0; slot <= run->blocks / 8; slot++)
		hold(run, 2 * run->blocks + slot, LARGE_SIZE);
	punch_holes(run);
}

static void hostile_step(struct run *run)
{
	size_t slot = 2 * run->blocks + random_below(&run->random, run->blocks / 8 + 1);

	replace(run, slot, LARGE_SIZE);
}

/*
 * freeall: every other block is free, after a search; the others are freed, and
 * then one block is allocated. An operation is one such free with its share of the
 * merges, whichever call makes them.
 */

static void freeall_step(struct run *run)
{
	drop_alternate(run, 1, 2 * run->blocks);
	hold(run, 0, SIZE_MOST);
}

/* pending: only the allocation at the end of the same, which merges all blocks */

static void pending_setup(struct run *run)
{
	alternate_setup(run);
	drop_alternate(run, 1, 2 * run->blocks);
}

static void pending_step(struct run *run)
{
	hold(run, 0, SIZE_MOST);
}

/* neighbours: each resize absorbs the 16 small free blocks on the right */

static size_t neighbours_most(size_t blocks)
{
	return blocks / GROUP;
}

static void neighbours_setup(struct run *run)
{
	size_t slots = neighbours_most(run->blocks) * GROUP;

	for (size_t slot = 0; slot < slots; slot++)
		hold(run, slot, slot % GROUP ? GROUP_OTHERS : GROUP_FIRST);
	hold(run, slots, SIZE_LEAST);
	for (size_t slot = 0; slot < slots; slot++)
		if (slot % GROUP)
			drop(run, slot);
}

static void neighbours_step(struct run *run)
{
	void **first = &run->slots[run->next * GROUP];

	*first = run->allocator.resize(*first, GROUP_FIRST +
				       (GROUP - 1) * (HEADER + GROUP_OTHERS));
	if (!*first)
		complain("out of memory", run->allocator.name);
}

/* refused: no search has seen the holes, none is large enough, the break cannot grow */

static void refused_setup(struct run *run)
{
	void (*refuse)(void);

	*(void **)&refuse = dlsym(RTLD_DEFAULT, "arena_close");
	if (!refuse)
		complain("there is no arena to close in this driver", "refused");
	churn_setup(run);
	drop_alternate(run, 0, run->blocks);
	refuse();
}

static void refused_step(struct run *run)
{
	if (run->allocator.alloc(HUGE_HOLE))
		complain("the break was to be refused", run->allocator.name);
}

/* astray: a resize of a pointer into the middle of a block, an error (B4) */

static void astray_step(struct run *run)
{
	char *payload = run->slots[random_odd(run)];

	if (run->allocator.resize(payload + 4, SIZE_MOST))
		complain("a wrong pointer was taken for a block", run->allocator.name);
}

static const struct state states[] = {
	{ .name = "churn", .setup = churn_setup, .step = churn_step, .steady = true },
	{ .name = "chase", .setup = chase_setup, .step = chase_step, .steady = true },
	{ .name = "equal", .setup = equal_setup, .step = equal_step, .most_steps = some_steps },
	{ .name = "distinct", .setup = distinct_setup, .step = distinct_step,
	  .most_steps = some_steps },
	{ .name = "alternate", .setup = alternate_setup, .step = alternate_step,
	  .most_steps = some_steps },
	{ .name = "hostile", .setup = hostile_setup, .step = hostile_step,
	  .most_steps = some_steps },
	{ .name = "freeall", .setup = alternate_setup, .step = freeall_step,
	  .most_steps = one_step, .per_block = true },
	{ .name = "pending", .setup = pending_setup, .step = pending_step,
	  .most_steps = one_step, .per_block = true },
	{ .name = "neighbours", .setup = neighbours_setup, .step = neighbours_step,
	  .most_steps = neighbours_most },
	{ .name = "refused", .setup = refused_setup, .step = refused_step,
	  .most_steps = some_steps },
	{ .name = "astray", .setup = equal_setup, .step = astray_step,
	  .most_steps = some_steps },
};

const struct state *state_find(const char *name)
{
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		if (strcmp(states[i].name, name) == 0)
			return &states[i];
	return NULL;
}
