// SPDX-License-Identifier: BSD-3-Clause

/*
 * Destructors of thread keys that set their key anew, until the C library calls them no more:
 * the last round allocates too. What such threads leave behind does not add up.
 */

#include "family.h"

#include <pthread.h>

#define THREADS	1000
#define BLOCKS	8

static pthread_key_t key;
static int rounds;

static void again(void *value)
{
	void *blocks[BLOCKS];

	for (size_t i = 0; i < BLOCKS; i++) {
		blocks[i] = malloc((size_t)64 << i);
		CHECK_FOR(blocks[i], i);
		fill(blocks[i], (size_t)64 << i, i);
	}
	for (size_t i = 0; i < BLOCKS; i++) {
		CHECK_FOR(holds(blocks[i], (size_t)64 << i, i), i);
		free(blocks[i]);
	}
	rounds++;
	CHECK(pthread_setspecific(key, value) == 0);
}

static void *run(void *arg)
{
	free(hide(malloc(50)));
	CHECK(pthread_setspecific(key, &key) == 0);
	return arg;
}

static void threads(int count)
{
	pthread_t thread;

	for (int i = 0; i < count; i++) {
		CHECK_FOR(pthread_create(&thread, NULL, run, NULL) == 0, i);
		CHECK_FOR(pthread_join(thread, NULL) == 0, i);
	}
}

int main(void)
{
	size_t before;

	watchdog();
	free(hide(malloc(10)));
	CHECK(pthread_key_create(&key, again) == 0);
	threads(50);
	before = process_has(VM_RESIDENT);
	threads(THREADS);
	CHECK_FOR(rounds >= 2 * THREADS, rounds);
	CHECK_FOR(process_has(VM_RESIDENT) < before + 4 * MIB, process_has(VM_RESIDENT) - before);
	return 0;
}
