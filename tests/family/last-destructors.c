// SPDX-License-Identifier: BSD-3-Clause

/*
 * Destructors of thread keys that set their key again, until the C library stops calling them: the
 * last round allocates too, and may be the first to do so. Other threads end without a destructor.
 * The memory that such threads leave does not accumulate while other threads run.
 */

#include "family.h"

#include <limits.h>
#include <pthread.h>
#include <sys/syscall.h>

#define THREADS	1000
#define IDLE_THREADS	20
#define BLOCKS	8

static pthread_key_t key, late_key;
static int rounds;
static size_t late_rounds;
static pthread_barrier_t asleep;

static void allocate(void)
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
}

static void again(void *value)
{
	allocate();
	rounds++;
	CHECK(pthread_setspecific(key, value) == 0);
}

/* Allocates in the last round only. A thread counts its own rounds in the key. */
static void at_last(void *value)
{
	size_t round = (size_t)value;

	if (round == PTHREAD_DESTRUCTOR_ITERATIONS) {
		allocate();
		late_rounds++;
	}
	CHECK(pthread_setspecific(late_key, (void *)(round + 1)) == 0);
}

static void *run(void *arg)
{
	free(hide(malloc(50)));
	CHECK(pthread_setspecific(key, &key) == 0);
	return arg;
}

static void *run_late(void *arg)
{
	CHECK(pthread_setspecific(late_key, (void *)1) == 0);
	return arg;
}

/* Ends the thread so that the C library calls no destructors. */
static void *run_to_a_sudden_end(void *arg)
{
	allocate();
	syscall(SYS_exit, 0);
	return arg;
}

static void *sleep_on(void *arg)
{
	allocate();
	pthread_barrier_wait(&asleep);
	pause();
	return arg;
}

static void threads(int count, void *(*start)(void *))
{
	pthread_t thread;

	for (int i = 0; i < count; i++) {
		CHECK_FOR(pthread_create(&thread, NULL, start, NULL) == 0, i);
		CHECK_FOR(pthread_join(thread, NULL) == 0, i);
	}
}

static void leave_nothing(void *(*start)(void *))
{
	size_t before;

	threads(50, start);
	before = process_has(VM_RESIDENT);
	threads(THREADS, start);
	CHECK_FOR(process_has(VM_RESIDENT) < before + 4 * MIB, process_has(VM_RESIDENT) - before);
}

int main(void)
{
	pthread_t sleeper;

	watchdog();
	free(hide(malloc(10)));
	CHECK(pthread_barrier_init(&asleep, NULL, IDLE_THREADS + 1) == 0);
	for (int i = 0; i < IDLE_THREADS; i++)
		CHECK(pthread_create(&sleeper, NULL, sleep_on, NULL) == 0);
	pthread_barrier_wait(&asleep);
	CHECK(pthread_key_create(&key, again) == 0);
	CHECK(pthread_key_create(&late_key, at_last) == 0);
	leave_nothing(run);
	CHECK_FOR(rounds >= 2 * THREADS, rounds);
	leave_nothing(run_late);
	CHECK_FOR(late_rounds >= THREADS, late_rounds);
	if (JOINS_ANY_END)
		leave_nothing(run_to_a_sudden_end);
	return 0;
}
