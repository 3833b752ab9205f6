/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Shared by the files of the benchmark driver. The driver (churn.c) lets allocators
 * serve the same sequence of requests in turn; states.c has the sequences; arena.c
 * is a program break of the driver's own. Sizes are bytes.
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

/* The blocks that the driver holds of one allocator, and its place in the sequence. */
struct run {
	struct allocator allocator;
	size_t blocks;		/* the scale: the number of blocks in the state */
	void **slots;		/* slots_wanted() payloads; NULL: none */
	size_t next;		/* steps since the state was set up */
	uint64_t random;	/* state of the random numbers; not 0 */
	void *cursor;		/* the block that a chase has reached */
};

/*
 * A state of the heap and the operation that is measured in it. Operations change
 * the state, so it is set up again before each round unless it is a steady one.
 */
struct state {
	const char *name;
	void (*setup)(struct run *run);
	void (*step)(struct run *run);
	size_t (*most_steps)(size_t blocks);	/* in one round; NULL: any number */
	bool steady;
	bool per_block;		/* a step counts as one operation for each block */
};

/* The state with this name; NULL if there is none. */
const struct state *state_find(const char *name);

/* The most slots that any state needs at this scale. */
size_t slots_wanted(size_t blocks);

/* Frees every block that the run holds. */
void run_clear(struct run *run);

/* Prints one line that says what is wrong, and exits with status 1. */
_Noreturn void complain(const char *what, const char *whom);

/* Makes arena.c refuse to move the break. Only some drivers have it: use dlsym(). */
void arena_close(void);

#endif
