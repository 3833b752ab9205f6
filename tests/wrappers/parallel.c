// SPDX-License-Identifier: BSD-3-Clause

/*
 * my_alloc's threads do not wait for each other: almost no operation takes a lock, whether a
 * thread frees its own blocks or another's, and none does while the process has one thread.
 * Counts how often the allocator takes a lock and prints the number.
 */

#include "../family/family.h"

#include <pthread.h>

#include "my_alloc.h"

#define THREADS		4
#define HELD		256
#define OPERATIONS	200000
#define RARE		100	/* least number of operations for each lock */

static size_t locks;

/*
 * The test makes these names of the library's lock weak, so that those here are used: a mutex that
 * counts. An allocator without them locks a mutex of its own, which is counted as well.
 */
bool lock_held;
static pthread_mutex_t library_lock = PTHREAD_MUTEX_INITIALIZER;

void lock_take_shared(void)
{
	pthread_mutex_lock(&library_lock);
	lock_held = true;
}

void lock_give_shared(void)
{
	lock_held = false;
	pthread_mutex_unlock(&library_lock);
}

/* Called instead of the C library's. */
int pthread_mutex_lock(pthread_mutex_t *mutex)
{
	static int (*lock)(pthread_mutex_t *mutex);

	if (!lock)
		*(void **)&lock = dlsym(RTLD_NEXT, "pthread_mutex_lock");
	__atomic_fetch_add(&locks, 1, __ATOMIC_RELAXED);
	return lock(mutex);
}

static void *exchange[THREADS][HELD];
static pthread_barrier_t barrier;

/* Each thread frees its own blocks, at random. */
static void alone(uint64_t *state, void **held)
{
	for (size_t i = 0; i < OPERATIONS; i++) {
		void **one = &held[next_random(state) % HELD];

		freee(*one);
		*one = my_alloc(1 + next_random(state) % 1000);
		CHECK_FOR(*one, i);
	}
}

/* Each thread frees the blocks that its neighbour has allocated. */
static void across(size_t number)
{
	size_t neighbour = (number + 1) % THREADS;

	for (size_t i = 0; i < OPERATIONS / HELD; i++) {
		for (size_t j = 0; j < HELD; j++)
			exchange[number][j] = my_alloc(1 + (i + j) % 1000);
		pthread_barrier_wait(&barrier);
		for (size_t j = 0; j < HELD; j++)
			freee(exchange[neighbour][j]);
		pthread_barrier_wait(&barrier);
	}
}

static void *work(void *arg)
{
	size_t number = (size_t)arg;
	uint64_t state = number + 1;
	void *held[HELD] = { NULL };

	alone(&state, held);
	for (size_t i = 0; i < HELD; i++)
		freee(held[i]);
	across(number);
	return NULL;
}

int main(void)
{
	pthread_t threads[THREADS];
	uint64_t state = 1;
	void *held[HELD] = { NULL };

	watchdog();
	alone(&state, held);
	CHECK_FOR(locks == 0, locks);
	pthread_barrier_init(&barrier, NULL, THREADS);
	for (size_t i = 0; i < THREADS; i++)
		CHECK(pthread_create(&threads[i], NULL, work, (void *)i) == 0);
	for (size_t i = 0; i < THREADS; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
	dprintf(STDOUT_FILENO, "%d threads, %d operations each, %zu locks\n", THREADS,
		2 * OPERATIONS, locks);
	CHECK_FOR(locks * RARE <= (size_t)THREADS * 2 * OPERATIONS, locks);
	return 0;
}
