/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Shared by the workloads of the malloc family. A workload calls malloc() and the
 * others by these names, so it uses the allocator that is preloaded. It gets a scale
 * and counts its operations; the driver (main.c) measures the time. Sizes are bytes.
 */

#ifndef WORK_H
#define WORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "../random.h"

#define KIB	1024UL
#define MIB	(1024 * KIB)
#define FULL	100	/* the scale of published results */

/* A running workload, or one thread's part of it. */
struct work {
	size_t scale;		/* the amount of work; FULL for published results */
	uint64_t random;	/* state of the random numbers; not 0 */
	size_t operations;	/* allocations, resizes included */
	size_t asked;		/* bytes requested in all of them */
	size_t returned;	/* bytes that freed blocks held; in the end equal to asked */
};

struct workload {
	const char *name;
	void (*run)(struct work *work);
	void (*after)(struct work *work);	/* measures what follows the timed part */
	bool threads;		/* uses several threads */
};

/* Prints one line that says what is wrong, and exits with status 1. */
_Noreturn void complain(const char *what);

/* Adds a number of the workload's own to its results. name: a literal. */
void note(const char *name, size_t value);

/* Reports this peak of resident memory, in KiB, instead of the process's. */
void note_peak(size_t kib);

/* Zeroed memory for the workload's own tables, never from the allocator. */
void *table(size_t bytes);

/* Nanoseconds since some point in the past. */
uint64_t now(void);

/* Resident memory, and its peak so far, of this process, in KiB. */
size_t resident(void);
size_t resident_peak(void);

/* A part of the scale, at least 1: full at FULL. */
static inline size_t scaled(const struct work *work, size_t full)
{
	size_t part = full * work->scale / FULL;

	return part ? part : 1;
}

/* Counts a new block and writes its size into it, to see whether other code writes there. */
static inline void *booked(struct work *work, void *block, size_t size)
{
	if (!block)
		complain("out of memory");
	work->operations++;
	work->asked += size;
	*(size_t *)block = size;
	return block;
}

/* A block, its first word written. size: at least that of the word. */
static inline void *take(struct work *work, size_t size)
{
	return booked(work, malloc(size), size);
}

/* Frees a block that take() or booked() returned. */
static inline void give(struct work *work, void *block)
{
	work->returned += *(size_t *)block;
	free(block);
}

/* Frees the block, if there is one, and puts another one there. */
static inline void replace(struct work *work, void **slot, size_t size)
{
	if (*slot)
		give(work, *slot);
	*slot = take(work, size);
}

/* Frees the blocks of all slots that have one. */
void give_all(struct work *work, void **slots, size_t count);

/* Blocks linked in a chain, so that no table of them takes memory. */
struct link {
	size_t size;
	struct link *next;
};

/* Adds a block of random size in [least, most], with all bytes written, to a chain. */
struct link *chain_add(struct work *work, struct link *chain, size_t least, size_t most);
void chain_give(struct work *work, struct link *chain);

/* Threads. Each has a struct work of its own, which is added to the caller's. */

struct part {
	struct work work;
	size_t number;		/* 0, 1, ... */
	void *shared;
};

/* Starts this many threads, waits for all, adds up what they did. */
void in_parallel(struct work *work, size_t threads, void (*run)(struct part *part), void *shared);

/* Adds what a part did. */
void work_add(struct work *work, const struct work *part);

/* The workloads of each file; the last one has no name. */
extern const struct workload small_workloads[];
extern const struct workload large_workloads[];
extern const struct workload memory_workloads[];
extern const struct workload thread_workloads[];

/* The program that main.c becomes on request: it only starts. */
int hello(void);

#endif
