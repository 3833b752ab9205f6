// SPDX-License-Identifier: BSD-3-Clause
/* Workloads that measure resident memory. */

#define _GNU_SOURCE

#include "work.h"

#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BURST_BYTES	(400 * MIB)
#define DRIFT_BYTES	(32 * MIB)
#define DRIFT_LEAST	32UL		/* the smallest block at the beginning, and at the end */
#define DRIFT_PHASES	32		/* two of them double the sizes, or halve them */
#define HELLO_BLOCKS	100

/* burst: 400 MB of 256 bytes to 8 KiB are written and freed; what is resident 50 ms later */

static void burst(struct work *work)
{
	size_t bytes = scaled(work, BURST_BYTES);
	struct link *chain = NULL;

	while (work->asked < bytes)
		chain = chain_add(work, chain, 256, 8 * KIB);
	chain_give(work, chain);
}

static void burst_after(struct work *work)
{
	struct timespec pause = { .tv_nsec = 50000000 };

	(void)work;
	nanosleep(&pause, NULL);
	note("left_kib", resident());
	for (int i = 0; i < 1000; i++)
		free(malloc(100));
	note("left_in_use_kib", resident());
}

/*
 * drift, scatter: 32 MiB are live all the time, in blocks whose sizes drift from
 * 32-256 bytes to 8-64 KiB and back. The oldest block makes room for the next one,
 * as in a cache (drift), or a random one does (scatter).
 */

struct drift {
	struct work *work;
	void **slots;		/* a ring */
	size_t capacity;	/* of the ring */
	size_t first, count;	/* live blocks, oldest first */
	size_t live;		/* their bytes */
	size_t most;		/* bytes that may be live */
	bool oldest;		/* the block at first makes room */
};

static void drift_drop(struct drift *drift)
{
	void **first = &drift->slots[drift->first];

	if (!drift->oldest) {
		size_t other = random_below(&drift->work->random, drift->count);
		void **slot = &drift->slots[(drift->first + other) % drift->capacity];
		void *block = *slot;

		*slot = *first;
		*first = block;
	}
	drift->live -= *(size_t *)*first;
	give(drift->work, *first);
	drift->first = (drift->first + 1) % drift->capacity;
	drift->count--;
}

static void drift_add(struct drift *drift, size_t size)
{
	char *block;

	while (drift->live + size > drift->most && drift->count)
		drift_drop(drift);
	if (drift->count == drift->capacity)
		complain("more live blocks than the table has room for");
	block = take(drift->work, size);
	memset(block + sizeof(size_t), 1, size - sizeof(size_t));
	drift->slots[(drift->first + drift->count++) % drift->capacity] = block;
	drift->live += size;
}

/* Allocates as many bytes as are live. */
static void drift_phase(struct drift *drift, size_t least)
{
	size_t end = drift->work->asked + drift->most;

	while (drift->work->asked < end)
		drift_add(drift, random_between(&drift->work->random, least, 8 * least));
}

/* The least size of a phase: the step-th of 32, 48, 64, 96, ... */
static size_t drift_least(unsigned int step)
{
	size_t least = DRIFT_LEAST << step / 2;

	return step % 2 ? least + least / 2 : least;
}

static void drift_phases(struct drift *drift)
{
	size_t before = resident();
	size_t worst = 0;

	for (unsigned int phase = 0; phase <= DRIFT_PHASES; phase++) {
		bool up = phase <= DRIFT_PHASES / 2;
		size_t now_resident;

		drift_phase(drift, drift_least(up ? phase : DRIFT_PHASES - phase));
		now_resident = resident() - before;
		if (now_resident > worst)
			worst = now_resident;
	}
	note("percent_of_live", worst * KIB * 100 / drift->most);
}

static void drift_run(struct work *work, bool oldest)
{
	size_t most = scaled(work, DRIFT_BYTES);
	size_t capacity = most / (4 * DRIFT_LEAST);	/* the mean size is 4.5 times the least */
	struct drift drift = { .work = work, .most = most, .capacity = capacity, .oldest = oldest };

	drift.slots = table(capacity * sizeof(*drift.slots));
	memset(drift.slots, 0xff, capacity * sizeof(*drift.slots));
	drift_phases(&drift);
	while (drift.count)
		drift_drop(&drift);
}

static void drift(struct work *work)
{
	drift_run(work, true);
}

static void scatter(struct work *work)
{
	drift_run(work, false);
}

/* start: a program that starts, allocates a little, and ends */

static size_t first_call;	/* nanoseconds, of all children */

/* What a child reports. */
struct child {
	size_t peak;		/* KiB */
	size_t first;		/* nanoseconds that its first allocation took */
};

int hello(void)
{
	uint64_t random = 1;
	uint64_t start = now();
	void *first = malloc(100);
	struct child child = { .first = now() - start };
	void *blocks[HELLO_BLOCKS];

	free(first);
	for (size_t i = 0; i < HELLO_BLOCKS; i++) {
		blocks[i] = malloc(random_between(&random, 8, 2 * KIB));
		if (!blocks[i])
			complain("out of memory");
		*(char *)blocks[i] = 1;
	}
	for (size_t i = 0; i < HELLO_BLOCKS; i += 2)
		free(blocks[i]);
	child.peak = resident_peak();
	return write(STDOUT_FILENO, &child, sizeof(child)) != sizeof(child);
}

static void start_child(int channel[2])
{
	char *const words[] = { "work", "--hello", NULL };
	posix_spawn_file_actions_t actions;
	struct child child;
	int status;
	pid_t id;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, channel[1], STDOUT_FILENO);
	if (posix_spawn(&id, "/proc/self/exe", &actions, NULL, words, environ) ||
	    waitpid(id, &status, 0) != id || status ||
	    read(channel[0], &child, sizeof(child)) != sizeof(child))
		complain("the program that only starts did not");
	posix_spawn_file_actions_destroy(&actions);
	note_peak(child.peak);
	first_call += child.first;
}

static void start(struct work *work)
{
	size_t children = scaled(work, 300);
	int channel[2];

	if (pipe(channel))
		complain("no pipe to a child");
	for (size_t i = 0; i < children; i++)
		start_child(channel);
	work->operations = children;
	note("first_call_ns", first_call / children);
}

const struct workload memory_workloads[] = {
	{ .name = "burst", .run = burst, .after = burst_after },
	{ .name = "drift", .run = drift },
	{ .name = "scatter", .run = scatter },
	{ .name = "start", .run = start },
	{ .name = NULL },
};
