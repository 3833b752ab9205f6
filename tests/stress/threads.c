// SPDX-License-Identifier: BSD-3-Clause

/*
 * Eight threads at once (B3), each with a table of its own. Blocks also change
 * hands: each thread frees what another one allocated.
 */

#include <pthread.h>
#include <stdatomic.h>

#include "stress.h"

#define THREADS	8

static struct table tables[THREADS];
static uint64_t *_Atomic parcels[THREADS];
static long steps;

/* Puts a new block into a mailbox and frees what was there, whoever made it. */
static void exchange(struct table *table, uint64_t *parcel)
{
	uint64_t *received = atomic_exchange(&parcels[next_random(table) % THREADS], parcel);

	if (received && received[0] != ~received[1])
		complain("a block's contents changed on the way to another thread");
	os_free(received);
}

static void *work(void *arg)
{
	struct table *table = arg;

	for (long i = 0; i < steps; i++) {
		uint64_t *parcel = os_malloc(16 + (size_t)(i % 100));

		if (!parcel)
			complain("os_malloc() returned NULL");
		parcel[0] = next_random(table);
		parcel[1] = ~parcel[0];
		exchange(table, parcel);
		table_step(table);
	}
	table_clear(table);
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t threads[THREADS];

	steps = steps_wanted(argc, argv);
	for (int i = 0; i < THREADS; i++) {
		tables[i].state = 88172645463325252 + (uint64_t)i;
		if (pthread_create(&threads[i], NULL, work, &tables[i]))
			complain("pthread_create() failed");
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < THREADS; i++)
		exchange(&tables[0], NULL);
	audit();
	return 0;
}
