// SPDX-License-Identifier: BSD-3-Clause

/*
 * fork() while other threads allocate. The child has only the forking thread and
 * must find no lock held. It frees blocks of this thread and of the others,
 * allocates, starts a thread, and forks once more.
 */

#include "family.h"

#include <pthread.h>
#include <stdatomic.h>

#define THREADS	3
#define FORKS	45
#define GIVEN	40
#define SLOTS	50

/* Blocks allocated before the first fork(); each child has its own copies of them. */
struct given {
	void *blocks[GIVEN];
	size_t sizes[GIVEN];
};

static struct given given[THREADS + 1];
static pthread_barrier_t settled;
static atomic_bool stop;

static void settle(struct given *mine, uint64_t state)
{
	for (size_t i = 0; i < GIVEN; i++) {
		mine->sizes[i] = random_size(&state);
		mine->blocks[i] = malloc(mine->sizes[i]);
		CHECK_FOR(mine->blocks[i], mine->sizes[i]);
		fill(mine->blocks[i], mine->sizes[i], i);
	}
}

static void release(struct given *theirs)
{
	for (size_t i = 0; i < GIVEN; i++) {
		CHECK_FOR(holds(theirs->blocks[i], theirs->sizes[i], i), theirs->sizes[i]);
		free(theirs->blocks[i]);
		theirs->blocks[i] = NULL;
	}
}

static void churn(uint64_t state, size_t steps)
{
	void *slots[SLOTS] = { NULL };
	size_t sizes[SLOTS] = { 0 };

	for (size_t step = 0; step < steps; step++) {
		size_t i = next_random(&state) % SLOTS;

		CHECK_FOR(!slots[i] || holds(slots[i], sizes[i], i), sizes[i]);
		sizes[i] = random_size(&state) / 4 + 1;
		if (step % 4) {
			free(slots[i]);
			slots[i] = malloc(sizes[i]);
		} else {
			slots[i] = realloc(slots[i], sizes[i]);
		}
		CHECK_FOR(slots[i], sizes[i]);
		fill(slots[i], sizes[i], i);
	}
	for (size_t i = 0; i < SLOTS; i++)
		free(slots[i]);
}

static void *work(void *arg)
{
	uint64_t state = (uintptr_t)arg;

	settle(arg, state);
	pthread_barrier_wait(&settled);
	while (!atomic_load(&stop))
		churn(next_random(&state) | 1, 100);
	return NULL;
}

static void *in_new_thread(void *arg)
{
	churn((uintptr_t)arg, 200);
	release(&given[1]);
	return NULL;
}

static void grandchild(void *arg)
{
	churn(5, 200);
	release(&given[2]);
	release(arg);
}

static void child(void *arg)
{
	pthread_t thread;

	churn(3, 200);
	release(&given[0]);
	CHECK(pthread_create(&thread, NULL, in_new_thread, arg) == 0);
	in_child(grandchild, arg);
	CHECK(pthread_join(thread, NULL) == 0);
	churn(4, 200);
	release(arg);
}

/* A child that frees what it inherited and then allocates one block, or none. */
static void modest_child(void *arg)
{
	for (size_t i = 0; i <= THREADS; i++)
		release(&given[i]);
	free(arg ? NULL : malloc(100));
}

int main(void)
{
	pthread_t threads[THREADS];
	struct given *mine = &given[THREADS];

	watchdog();
	CHECK(pthread_barrier_init(&settled, NULL, THREADS + 1) == 0);
	settle(mine, 77);
	for (size_t i = 0; i < THREADS; i++)
		CHECK(pthread_create(&threads[i], NULL, work, &given[i]) == 0);
	pthread_barrier_wait(&settled);
	for (size_t i = 0; i < FORKS; i++) {
		in_child(i % 3 ? child : modest_child, mine);
		churn(i + 1, 50);
	}
	atomic_store(&stop, 1);
	for (size_t i = 0; i < THREADS; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
	for (size_t i = 0; i <= THREADS; i++)
		release(&given[i]);
	return 0;
}
