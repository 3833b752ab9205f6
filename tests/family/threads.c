// SPDX-License-Identifier: BSD-3-Clause

/*
 * Blocks pass from thread to thread with their contents: in piles, through a ring
 * between producers and consumers, and through a table in which all threads swap
 * them. Memory that other threads free must be used again, so the process must not
 * grow with the number of bytes that pass through it.
 */

#include "family.h"

#include <pthread.h>
#include <stdatomic.h>

#define THREADS		4
#define RING		256
#define PER_PRODUCER	40000
#define PILE		5000
#define PILES		40
#define SWAPS		60000
#define TABLE		512

/* The start of a block says how to verify the rest. */
struct parcel {
	size_t size;
	size_t seed;
};

static struct parcel *pack(size_t size, size_t seed)
{
	struct parcel *parcel = malloc(sizeof(*parcel) + size);

	CHECK_FOR(parcel, size);
	*parcel = (struct parcel){ size, seed };
	fill(parcel + 1, size, seed);
	return parcel;
}

static void unpack(struct parcel *parcel)
{
	CHECK_FOR(holds(parcel + 1, parcel->size, parcel->seed), parcel->size);
	free(parcel);
}

static void run(pthread_t *thread, void *(*work)(void *), void *arg)
{
	CHECK(pthread_create(thread, NULL, work, arg) == 0);
}

static void join(pthread_t thread)
{
	CHECK(pthread_join(thread, NULL) == 0);
}

/* One thread allocates a pile and the next one frees it: no thread frees its own blocks. */
static struct parcel *pile[PILE];

static void *pile_up(void *arg)
{
	uint64_t state = *(uint64_t *)arg;

	for (size_t i = 0; i < PILE; i++)
		pile[i] = pack(random_size(&state) / 8, i);
	return NULL;
}

static void *take_down(void *arg)
{
	size_t step = *(uint64_t *)arg % 2 ? 1 : 7;

	for (size_t i = 0; i < PILE; i++)
		unpack(pile[i * step % PILE]);
	return NULL;
}

static void piles(void)
{
	pthread_t thread;

	for (uint64_t i = 1; i <= PILES; i++) {
		run(&thread, pile_up, &i);
		join(thread);
		run(&thread, take_down, &i);
		join(thread);
	}
}

/* Bounded, so that producers wait for consumers. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct parcel *parcels[RING];
	size_t put;
	size_t taken;
} ring = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

static void put(struct parcel *parcel)
{
	pthread_mutex_lock(&ring.lock);
	while (ring.put - ring.taken == RING)
		pthread_cond_wait(&ring.changed, &ring.lock);
	ring.parcels[ring.put++ % RING] = parcel;
	pthread_cond_broadcast(&ring.changed);
	pthread_mutex_unlock(&ring.lock);
}

static struct parcel *get(void)
{
	struct parcel *parcel;

	pthread_mutex_lock(&ring.lock);
	while (ring.put == ring.taken)
		pthread_cond_wait(&ring.changed, &ring.lock);
	parcel = ring.parcels[ring.taken++ % RING];
	pthread_cond_broadcast(&ring.changed);
	pthread_mutex_unlock(&ring.lock);
	return parcel;
}

static void *produce(void *arg)
{
	uint64_t state = (uintptr_t)arg;

	for (size_t i = 0; i < PER_PRODUCER; i++)
		put(pack(random_size(&state) / 8, i));
	put(NULL);
	return NULL;
}

static void *consume(void *arg)
{
	struct parcel *parcel;

	while ((parcel = get()))
		unpack(parcel);
	return arg;
}

static void producers_and_consumers(void)
{
	pthread_t threads[4];

	run(&threads[0], produce, &threads[0]);
	run(&threads[1], produce, &threads[1]);
	run(&threads[2], consume, NULL);
	run(&threads[3], consume, NULL);
	for (size_t i = 0; i < LENGTH(threads); i++)
		join(threads[i]);
}

/* A table that all threads share: a block in it may come from any of them. */
static struct parcel *_Atomic table[TABLE];

static void *swap(void *arg)
{
	uint64_t state = (uintptr_t)arg;

	for (size_t i = 0; i < SWAPS; i++) {
		struct parcel *mine = i % 8 ? pack(random_size(&state) / 8, i) : NULL;
		struct parcel *theirs = atomic_exchange(&table[next_random(&state) % TABLE], mine);

		if (theirs && i % 16 == 1) {
			theirs = realloc(theirs, sizeof(*theirs) + theirs->size + 1000);
			CHECK(theirs);
		}
		if (theirs)
			unpack(theirs);
	}
	return NULL;
}

static void swaps(void)
{
	pthread_t threads[THREADS];

	for (size_t i = 0; i < THREADS; i++)
		run(&threads[i], swap, &threads[i]);
	for (size_t i = 0; i < THREADS; i++)
		join(threads[i]);
	for (size_t i = 0; i < TABLE; i++)
		if (table[i])
			unpack(atomic_exchange(&table[i], NULL));
}

int main(void)
{
	watchdog();
	piles();
	producers_and_consumers();
	swaps();
	/* Some 10 MiB are live at any time; some 700 pass through. */
	CHECK_FOR(process_has(VM_RESIDENT) < 150 * MIB, process_has(VM_RESIDENT));
	return 0;
}
