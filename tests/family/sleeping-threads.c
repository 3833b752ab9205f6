// SPDX-License-Identifier: BSD-3-Clause

/*
 * Threads that sleep do not keep free memory. malloc_trim() in another thread returns to the kernel
 * what any thread has freed of their blocks, and so does a malloc() that would fail otherwise. A
 * growing process uses this memory before it has grown much. Threads that wake up notice nothing.
 */

#include "family.h"

#include <pthread.h>

#define THREADS		8
#define ROUNDS		2
#define BLOCKS		((size_t)30000)		/* of each thread, some 8 MiB */
#define LIVE_EACH	1000			/* one block in this many stays live */
#define ROOM		(24 * MIB)		/* less than is free in the sleeping threads */
#define GROWTH		(64 * MIB)		/* as much as is free there */

static pthread_barrier_t before, after;
static void *blocks[THREADS][BLOCKS];
static size_t sizes[THREADS][BLOCKS];
static bool some_stay;

static bool stays(size_t i)
{
	return some_stay && i % LIVE_EACH == 0;
}

static void sleep_for_a_while(void)
{
	pthread_barrier_wait(&before);
	pthread_barrier_wait(&after);
}

static void allocate(size_t number, uint64_t *state)
{
	for (size_t i = 0; i < BLOCKS; i++) {
		if (blocks[number][i])
			continue;
		sizes[number][i] = 32 + next_random(state) % 480;
		blocks[number][i] = malloc(sizes[number][i]);
		CHECK_FOR(blocks[number][i], i);
		fill(blocks[number][i], sizes[number][i], i);
	}
}

/* Frees every second block from the first one on, except those that stay. */
static void release(size_t number, size_t first)
{
	for (size_t i = first; i < BLOCKS; i += 2) {
		if (stays(i))
			continue;
		CHECK_FOR(holds(blocks[number][i], sizes[number][i], i), i);
		free(blocks[number][i]);
		blocks[number][i] = NULL;
	}
}

/* Frees one half of its blocks, and sleeps while the main thread frees the other. */
static void *work(void *arg)
{
	size_t number = (size_t)arg;
	uint64_t state = number + 1;

	for (int round = 0; round < ROUNDS; round++) {
		allocate(number, &state);
		release(number, 1);
		sleep_for_a_while();
	}
	return NULL;
}

static void start(pthread_t threads[])
{
	memset(sizes, 1, sizeof(sizes));
	CHECK(pthread_barrier_init(&before, NULL, THREADS + 1) == 0);
	CHECK(pthread_barrier_init(&after, NULL, THREADS + 1) == 0);
	for (size_t i = 0; i < THREADS; i++)
		CHECK_FOR(pthread_create(&threads[i], NULL, work, (void *)i) == 0, i);
}

static void wait_and_release(void)
{
	pthread_barrier_wait(&before);
	for (size_t number = 0; number < THREADS; number++)
		release(number, 0);
}

static void trimmed(void *arg)
{
	pthread_t threads[THREADS];
	size_t empty, full;

	(void)arg;
	some_stay = true;
	empty = process_has(VM_RESIDENT);
	start(threads);
	for (int round = 0; round < ROUNDS; round++) {
		wait_and_release();
		full = process_has(VM_RESIDENT) - empty;
		malloc_trim(0);
		CHECK_FOR(full > THREADS * 6 * MIB, full);
		CHECK_FOR(process_has(VM_RESIDENT) - empty < full / 3, full);
		pthread_barrier_wait(&after);
	}
	for (size_t i = 0; i < THREADS; i++)
		CHECK_FOR(pthread_join(threads[i], NULL) == 0, i);
}

/* Without malloc_trim(). */
static void grown(void *arg)
{
	pthread_t threads[THREADS];
	size_t full, more;

	(void)arg;
	start(threads);
	wait_and_release();
	full = process_has(VM_RESIDENT);
	for (size_t sum = 0; sum < GROWTH; sum += 100000)
		CHECK_FOR(memset(malloc(100000), 1, 100000), sum);
	more = process_has(VM_RESIDENT) - full;
	CHECK_FOR(more < GROWTH * 2 / 3 || more > SIZE_MAX / 2, more);
	pthread_barrier_wait(&after);
}

/* Address space is limited, so the blocks need the memory that the threads keep. */
static void limited(void *arg)
{
	pthread_t threads[THREADS];

	(void)arg;
	start(threads);
	wait_and_release();
	allow_more(RLIMIT_AS, 2 * MIB);
	for (size_t sum = 0; sum < ROOM; sum += MIB)
		CHECK_FOR(malloc(MIB), sum);
}

int main(void)
{
	watchdog();
	in_child(trimmed, NULL);
	in_child(limited, NULL);
	in_child(grown, NULL);
	return 0;
}
