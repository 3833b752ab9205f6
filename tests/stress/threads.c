// SPDX-License-Identifier: BSD-3-Clause

/*
 * Eight threads at once (B3), each with a table of its own. They also free blocks
 * that another thread allocated.
 */

#include <pthread.h>
#include <stdatomic.h>

#include "block_meta.h"
#include "stress.h"

#define THREADS	8
#define PILE	2000

static struct table tables[THREADS];
static uint64_t *_Atomic parcels[THREADS];
static long steps;

/* Puts a new block into a shared place and frees the block of any thread that was there. */
static void exchange(struct table *table, uint64_t *parcel)
{
	uint64_t *received = atomic_exchange(&parcels[next_random(table) % THREADS], parcel);

	if (received && received[0] != ~received[1])
		complain("a block's contents changed on the way to another thread");
	os_free(received);
}

/* A program may look at a header at any time, also while others allocate (G1). */
static void look_at_header(const void *payload, size_t wanted)
{
	const struct block_meta *b = (const struct block_meta *)payload - 1;

	if (b->status != STATUS_ALLOC || b->size < wanted)
		complain("a header is not true");
}

/* Blocks that all stay live for a while, so that the heap grows in every thread. */
static void pile_up(void)
{
	void **last = NULL;

	for (long i = 0; i < PILE; i++) {
		void **block = i % 2 ? os_malloc(200) : os_calloc(1, 200);

		if (!block)
			complain("os_malloc() or os_calloc() returned NULL");
		look_at_header(block, 200);
		*block = last;
		last = block;
	}
	while (last) {
		void **block = last;

		last = *block;
		os_free(block);
	}
}

static void *work(void *arg)
{
	struct table *table = arg;

	pile_up();
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
