// SPDX-License-Identifier: BSD-3-Clause

/*
 * Threads that end: some hundred threads start, end and leave blocks behind: by
 * return, by pthread_exit(), detached. Destructors of thread-specific data
 * allocate and free in every round, after everything that the library itself
 * does at a thread's end.
 */

#include "family.h"

#include <limits.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#define THREADS		400
#define AT_ONCE		8
#define LEFT		60
#define KEYS		6

struct legacy {
	void *blocks[LEFT];
	size_t sizes[LEFT];
};

/* Frees every second block of a thread that has ended, and resizes the others. */
static void inherit(struct legacy *legacy)
{
	for (size_t i = 0; i < LEFT; i++) {
		void *block = legacy->blocks[i];

		if (!block)
			continue;
		CHECK_FOR(holds(block, legacy->sizes[i], i), legacy->sizes[i]);
		if (i % 2) {
			free(block);
			continue;
		}
		block = realloc(block, legacy->sizes[i] + 200);
		CHECK_FOR(block && holds(block, legacy->sizes[i], i), legacy->sizes[i]);
		free(block);
	}
}

static void *come_and_go(void *arg)
{
	struct legacy *legacy = arg;
	uint64_t state = (uintptr_t)arg | 1;

	inherit(legacy);
	for (size_t i = 0; i < LEFT; i++) {
		legacy->sizes[i] = random_size(&state) / 2;
		legacy->blocks[i] = malloc(legacy->sizes[i]);
		CHECK_FOR(legacy->blocks[i], i);
		fill(legacy->blocks[i], legacy->sizes[i], i);
	}
	if (next_random(&state) % 2)
		pthread_exit(NULL);
	return NULL;
}

static void hundreds(void)
{
	static struct legacy legacies[AT_ONCE];
	pthread_t threads[AT_ONCE];
	size_t before = 0;

	for (size_t i = 0; i < THREADS / AT_ONCE; i++) {
		for (size_t j = 0; j < AT_ONCE; j++)
			CHECK(pthread_create(&threads[j], NULL, come_and_go, &legacies[j]) == 0);
		for (size_t j = 0; j < AT_ONCE; j++)
			CHECK(pthread_join(threads[j], NULL) == 0);
		if (i == THREADS / AT_ONCE / 4)
			before = process_has(VM_RESIDENT);
	}
	/* Later threads use the memory of ended ones. */
	CHECK_FOR(process_has(VM_RESIDENT) < before + 40 * MIB, process_has(VM_RESIDENT) - before);
	for (size_t j = 0; j < AT_ONCE; j++)
		inherit(&legacies[j]);
}

/* Detached threads end at any time while others start. */
static sem_t ended;

static void *detached(void *arg)
{
	struct legacy legacy = { { NULL }, { 0 } };
	uint64_t state = 88172645463325252;

	for (size_t i = 0; i < LEFT; i++) {
		legacy.sizes[i] = random_size(&state);
		legacy.blocks[i] = calloc(1, legacy.sizes[i]);
		CHECK_FOR(legacy.blocks[i], legacy.sizes[i]);
		fill(legacy.blocks[i], legacy.sizes[i], i);
	}
	inherit(&legacy);
	sem_post(&ended);
	return arg;
}

static void nobody_waits(void)
{
	pthread_attr_t attributes;
	pthread_t thread;

	CHECK(sem_init(&ended, 0, 0) == 0);
	CHECK(pthread_attr_init(&attributes) == 0);
	CHECK(pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED) == 0);
	for (int i = 0; i < 100; i++) {
		CHECK(pthread_create(&thread, &attributes, detached, NULL) == 0);
		if (i >= AT_ONCE)
			CHECK(sem_wait(&ended) == 0);
	}
	for (int i = 0; i < AT_ONCE; i++)
		CHECK(sem_wait(&ended) == 0);
}

/* Thread-specific data: a block that each round of destructors replaces. */
struct specific {
	size_t key;
	size_t round;
	size_t size;
	void *block;
};

static pthread_key_t keys[KEYS];
static atomic_size_t rounds;
static void *_Atomic last_blocks[KEYS];

static struct specific *make_specific(size_t key, size_t round)
{
	static const size_t sizes[] = { 24, 100, 3000, 40000, 300000 };
	struct specific *specific = malloc(sizeof(*specific));

	CHECK(specific);
	specific->key = key;
	specific->round = round;
	specific->size = sizes[(key + round) % LENGTH(sizes)];
	specific->block = round % 2 ? calloc(1, specific->size) : malloc(specific->size);
	CHECK(specific->block);
	fill(specific->block, specific->size, key + round);
	return specific;
}

static void destroy_specific(void *arg)
{
	struct specific *old = arg;
	struct specific *new = make_specific(old->key, old->round + 1);

	CHECK_FOR(holds(old->block, old->size, old->key + old->round), old->round);
	free(old->block);
	atomic_fetch_add(&rounds, 1);
	/* In the last round another thread gets the block. */
	if (new->round < PTHREAD_DESTRUCTOR_ITERATIONS) {
		CHECK(pthread_setspecific(keys[old->key], new) == 0);
	} else {
		free(atomic_exchange(&last_blocks[old->key], new->block));
		free(new);
	}
	free(old);
}

static void *have_specific(void *arg)
{
	for (size_t i = 0; i < KEYS; i++)
		CHECK(pthread_setspecific(keys[i], make_specific(i, 0)) == 0);
	return arg;
}

/* The thread's first and last calls are both in a destructor. */
static void *only_specific(void *arg)
{
	CHECK(pthread_setspecific(keys[0], arg) == 0);
	return NULL;
}

static void destructors(void)
{
	pthread_t threads[AT_ONCE];
	size_t expected = 0;

	for (size_t i = 0; i < KEYS; i++)
		CHECK(pthread_key_create(&keys[i], destroy_specific) == 0);
	for (int i = 0; i < 20; i++) {
		for (size_t j = 0; j < AT_ONCE; j++)
			CHECK(pthread_create(&threads[j], NULL, j ? have_specific : only_specific,
					     j ? NULL : make_specific(0, 0)) == 0);
		for (size_t j = 0; j < AT_ONCE; j++)
			CHECK(pthread_join(threads[j], NULL) == 0);
		expected += ((AT_ONCE - 1) * KEYS + 1) * PTHREAD_DESTRUCTOR_ITERATIONS;
	}
	CHECK_FOR(rounds == expected, rounds);
	for (size_t i = 0; i < KEYS; i++)
		free(atomic_exchange(&last_blocks[i], NULL));
}

int main(void)
{
	watchdog();
	hundreds();
	nobody_waits();
	destructors();
	return 0;
}
