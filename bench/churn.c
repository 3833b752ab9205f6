// SPDX-License-Identifier: BSD-3-Clause

/*
 * Lets allocators serve the same sequence of requests in one process, in turn, a
 * round each.
 *
 *     churn STATE BLOCKS WARMUP ROUNDS STEPS ALLOCATOR...
 *
 * ALLOCATOR is glibc (the C library's malloc), nothing (always returns the same
 * buffer: shows the driver's own cost), or NAME=LIBRARY, whose os_malloc() family is
 * used if it has one, else its malloc() family. Prints a line
 * `ALLOCATOR NANOSECONDS` for each round: this thread's CPU time per operation, in
 * user space and kernel. The driver allocates nothing itself after the start.
 *
 * Under callgrind a round's dump of counters follows each step; see instructions.py.
 */

#define _GNU_SOURCE

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "bench.h"

#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#else
#define RUNNING_ON_VALGRIND		0
#define CALLGRIND_START_INSTRUMENTATION	((void)0)
#define CALLGRIND_STOP_INSTRUMENTATION	((void)0)
#define CALLGRIND_DUMP_STATS		((void)0)
#endif

#define ALLOCATORS_MOST	8
#define ROUNDS_MOST	1000
#define SEED		88172645463325252

struct plan {
	const struct state *state;
	size_t blocks;
	size_t warmup;	/* steps before measuring, in a steady state */
	size_t rounds;
	size_t steps;	/* in a round */
};

static double results[ALLOCATORS_MOST][ROUNDS_MOST];	/* nanoseconds per operation */

void complain(const char *what, const char *whom)
{
	fprintf(stderr, "churn: %s: %s\n", whom, what);
	exit(1);
}

/* Allocators */

static char buffer[1 << 17];

static void *nothing_alloc(size_t size)
{
	(void)size;
	return buffer;
}

static void *nothing_resize(void *ptr, size_t size)
{
	(void)size;
	return ptr;
}

static void nothing_release(void *ptr)
{
	(void)ptr;
}

/*
 * The address of PREFIXname in a library; exits if there is none. dlsym() also
 * searches the library's dependencies, where it would find the C library's.
 */
static void *symbol(void *library, const char *prefix, const char *name)
{
	char whole[32];
	void *address;

	snprintf(whole, sizeof(whole), "%s%s", prefix, name);
	address = dlsym(library, whole);
	if (!address || address == dlsym(RTLD_DEFAULT, whole))
		complain("not in the library", whole);
	return address;
}

static struct allocator allocator_load(char *name)
{
	struct allocator a = { .name = name };
	char *path = strchr(name, '=');
	const char *prefix;
	void *library;

	*path++ = '\0';
	library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!library)
		complain(dlerror(), name);
	prefix = dlsym(library, "os_malloc") ? "os_" : "";
	*(void **)&a.alloc = symbol(library, prefix, "malloc");
	*(void **)&a.resize = symbol(library, prefix, "realloc");
	*(void **)&a.release = symbol(library, prefix, "free");
	return a;
}

static struct allocator allocator_named(char *name)
{
	if (strchr(name, '='))
		return allocator_load(name);
	if (strcmp(name, "glibc") == 0)
		return (struct allocator){ name, malloc, realloc, free };
	if (strcmp(name, "nothing") == 0)
		return (struct allocator){ name, nothing_alloc, nothing_resize, nothing_release };
	complain("no such allocator; want glibc, nothing or NAME=LIBRARY", name);
}

/* Measuring */

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void take_steps(const struct plan *plan, struct run *run, size_t steps)
{
	while (steps--) {
		plan->state->step(run);
		run->next++;
	}
}

/* Counts instructions step by step. */
static void count_steps(const struct plan *plan, struct run *run)
{
	CALLGRIND_START_INSTRUMENTATION;
	for (size_t i = 0; i < plan->steps; i++) {
		take_steps(plan, run, 1);
		CALLGRIND_DUMP_STATS;
	}
	CALLGRIND_STOP_INSTRUMENTATION;
}

/* One round; returns nanoseconds per operation. */
static double round_measure(const struct plan *plan, struct run *run)
{
	size_t shares = plan->steps * (plan->state->per_block ? plan->blocks : 1);
	double start;

	if (!plan->state->steady) {
		run_clear(run);
		run->next = 0;
		plan->state->setup(run);
	}
	start = now();
	if (RUNNING_ON_VALGRIND)
		count_steps(plan, run);
	else
		take_steps(plan, run, plan->steps);
	return (now() - start) / (double)shares;
}

static void run_open(const struct plan *plan, struct run *run, char *name)
{
	run->allocator = allocator_named(name);
	run->blocks = plan->blocks;
	run->random = SEED;
	run->slots = mmap(NULL, slots_wanted(plan->blocks) * sizeof(*run->slots),
			  PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (run->slots == MAP_FAILED)
		complain("no memory for the table of blocks", name);
}

static void run_warm(const struct plan *plan, struct run *run)
{
	if (!plan->state->steady)
		return;
	plan->state->setup(run);
	take_steps(plan, run, plan->warmup);
}

/* Numbers and names from the command line */

static size_t number(const char *text, size_t least, size_t most)
{
	char *end;
	unsigned long long value = strtoull(text, &end, 10);

	if (*end || end == text || value < least || value > most)
		complain("not a number, or one that is out of range", text);
	return value;
}

static struct plan plan_read(char **argv)
{
	struct plan plan = {
		.state = state_find(argv[1]),
		.blocks = number(argv[2], 1, 100000000),
		.warmup = number(argv[3], 0, SIZE_MAX),
		.rounds = number(argv[4], 1, ROUNDS_MOST),
		.steps = number(argv[5], 1, SIZE_MAX),
	};
	size_t most;

	if (!plan.state)
		complain("no such state", argv[1]);
	most = plan.state->most_steps ? plan.state->most_steps(plan.blocks) : plan.steps;
	if (!most)
		complain("too few blocks for this state", argv[2]);
	if (plan.steps > most)
		plan.steps = most;
	return plan;
}

int main(int argc, char **argv)
{
	static struct run runs[ALLOCATORS_MOST];
	size_t count = (size_t)argc - 6;
	struct plan plan;

	if (argc < 7 || count > ALLOCATORS_MOST)
		complain("STATE BLOCKS WARMUP ROUNDS STEPS ALLOCATOR...", "usage");
	plan = plan_read(argv);
	for (size_t i = 0; i < count; i++)
		run_open(&plan, &runs[i], argv[6 + i]);
	for (size_t i = 0; i < count; i++)
		run_warm(&plan, &runs[i]);
	for (size_t round = 0; round < plan.rounds; round++)
		for (size_t i = 0; i < count; i++)
			results[i][round] = round_measure(&plan, &runs[i]);
	for (size_t i = 0; i < count; i++)
		for (size_t round = 0; round < plan.rounds; round++)
			printf("%s %.2f\n", runs[i].allocator.name, results[i][round]);
	return 0;
}
