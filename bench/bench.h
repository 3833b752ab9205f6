/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What the parts of the benchmark driver share. The driver (churn.c) lets
 * allocators serve the same request sequence in turn; states.c has the
 * sequences; arena.c is a program break of the driver's own. Sizes are bytes.
 */

#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct allocator {
	const char *name;
	void *(*alloc)(size_t size);
	void *(*resize)(void *ptr, size_t size);
	void (*release)(void *ptr);
};

/* What one allocator holds for the driver, and where its request sequence is. */
struct run {
	struct allocator allocator;
	size_t blocks;		/* the scale: how many blocks live in the state */
	void **slots;		/* slots_wanted() payloads; NULL: none there */
	size_t next;		/* steps since the state was set up */
	uint64_t random;	/* of the random numbers; not 0 */
	void *cursor;		/* the block that a chase has come to */
};

/*
 * A state of the heap and the operation that is measured in it. Operations
 * wear the state out, so that it is set up again before each round, unless the
 * state is a steady one.
 */
struct state {
	const char *name;
	void (*setup)(struct run *run);
	void (*step)(struct run *run);
	size_t (*most_steps)(size_t blocks);	/* in one round; NULL: any number */
	bool steady;
	bool per_block;		/* a step is as many operations as there are blocks */
};

/* The state of that name, NULL when there is none. */
const struct state *state_find(const char *name);

/* How many slots any state needs at this scale. */
size_t slots_wanted(size_t blocks);

/* Frees every block that the run holds. */
void run_clear(struct run *run);

/* Says what is wrong in one line and exits with status 1. */
_Noreturn void complain(const char *what, const char *whom);

/* From now on arena.c refuses to move the break. Not in every driver: dlsym() tells. */
void arena_close(void);

#endif
