// SPDX-License-Identifier: BSD-3-Clause

/*
 * fork() in a process with many threads, some asleep, others allocating. In the child these threads
 * are gone. The child can use the memory that was free in their heaps, and their blocks' memory
 * when it frees them: alone, with new threads, and when the kernel refuses more memory.
 */

#include "family.h"

#include <pthread.h>
#include <stdatomic.h>

#define IDLE_THREADS	10
#define WORKERS		2
#define BLOCKS		1500
#define FORKS		8

/* Blocks that an idle thread left for others to free; it freed two of three itself. */
static void *left[IDLE_THREADS][BLOCKS];
static pthread_barrier_t ready;
static atomic_bool stop;

static size_t size_of(size_t i)
{
	return 500 + i % 3 * 700;
}

static void *sleep_on(void *arg)
{
	void **mine = arg;

	for (size_t i = 0; i < BLOCKS; i++) {
		mine[i] = malloc(size_of(i));
		CHECK_FOR(mine[i], i);
		fill(mine[i], size_of(i), i);
	}
	for (size_t i = 0; i < BLOCKS; i++)
		if (i % 9 >= 3) {
			free(mine[i]);
			mine[i] = NULL;
		}
	pthread_barrier_wait(&ready);
	pause();
	return arg;
}

static void churn(uint64_t state, size_t steps)
{
	void *slots[50] = { NULL };

	for (size_t step = 0; step < steps; step++) {
		size_t i = next_random(&state) % LENGTH(slots);

		free(slots[i]);
		slots[i] = malloc(random_size(&state) / 8 + 1);
		CHECK_FOR(slots[i], step);
		*(char *)slots[i] = 1;
	}
	for (size_t i = 0; i < LENGTH(slots); i++)
		free(slots[i]);
}

static void *work(void *arg)
{
	uint64_t state = (uintptr_t)arg;

	pthread_barrier_wait(&ready);
	while (!atomic_load(&stop))
		churn(next_random(&state) | 1, 500);
	return NULL;
}

static void free_left(void)
{
	for (size_t n = 0; n < IDLE_THREADS; n++)
		for (size_t i = 0; i < BLOCKS; i++) {
			CHECK_FOR(!left[n][i] || holds(left[n][i], size_of(i), i), i);
			free(left[n][i]);
		}
}

static void *churn_a_little(void *arg)
{
	churn((uintptr_t)arg, 500);
	return NULL;
}

/* As many threads as before. */
static void start_threads(void)
{
	pthread_t threads[IDLE_THREADS];

	for (size_t n = 0; n < IDLE_THREADS; n++)
		CHECK(pthread_create(&threads[n], NULL, churn_a_little, left[n]) == 0);
	for (size_t n = 0; n < IDLE_THREADS; n++)
		CHECK(pthread_join(threads[n], NULL) == 0);
}

/* The bytes that the idle threads had. */
static size_t all_bytes(void)
{
	size_t bytes = 0;

	for (size_t i = 0; i < BLOCKS; i++)
		bytes += size_of(i) * IDLE_THREADS;
	return bytes;
}

static void gives_all_back(void *arg)
{
	size_t before = process_has(VM_RESIDENT);

	(void)arg;
	free_left();
	malloc_trim(0);
	CHECK_FOR(process_has(VM_RESIDENT) < before - all_bytes() / 4, process_has(VM_RESIDENT));
	start_threads();
	churn(3, 500);
}

/* The kernel refuses mappings: only the threads' memory is left, for blocks of other sizes. */
static void has_no_other_memory(void *arg)
{
	const size_t size = 10000;
	size_t bytes = 0;
	char *block;

	(void)arg;
	free_left();
	allow_more(RLIMIT_AS, 0);
	while ((block = malloc(size))) {
		memset(block, 1, size);
		bytes += size;
	}
	CHECK_FOR(bytes > all_bytes() / 2, bytes);
}

/* The program does not call malloc_trim(). */
static void goes_on_alone(void *arg)
{
	size_t before = process_has(VM_RESIDENT);

	(void)arg;
	free_left();
	for (size_t bytes = 0; bytes < all_bytes() / 2; bytes += 10000)
		CHECK_FOR(memset(malloc(10000), 1, 10000), bytes);
	CHECK_FOR(process_has(VM_RESIDENT) < before + all_bytes() / 8, process_has(VM_RESIDENT));
}

static void grandchild(void *arg)
{
	churn(7, 500);
	gives_all_back(arg);
}

static void starts_threads(void *arg)
{
	start_threads();
	in_child(grandchild, arg);
	free_left();
	start_threads();
}

int main(void)
{
	static void (*const children[])(void *) = {
		gives_all_back, has_no_other_memory, goes_on_alone, starts_threads
	};
	pthread_t workers[WORKERS], sleeper;

	watchdog();
	CHECK(pthread_barrier_init(&ready, NULL, IDLE_THREADS + WORKERS + 1) == 0);
	for (size_t n = 0; n < IDLE_THREADS; n++)
		CHECK(pthread_create(&sleeper, NULL, sleep_on, left[n]) == 0);
	for (size_t n = 0; n < WORKERS; n++)
		CHECK(pthread_create(&workers[n], NULL, work, left[n]) == 0);
	pthread_barrier_wait(&ready);
	for (size_t n = 0; n < FORKS; n++)
		in_child(children[n % LENGTH(children)], NULL);
	atomic_store(&stop, 1);
	for (size_t n = 0; n < WORKERS; n++)
		CHECK(pthread_join(workers[n], NULL) == 0);
	free_left();
	return 0;
}
