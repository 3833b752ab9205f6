// SPDX-License-Identifier: BSD-3-Clause

/*
 * Before a function returns NULL, it uses free memory that was kept for other sizes or left by
 * threads that ended. Address space is limited (RLIMIT_AS) in every scene.
 */

#include "family.h"

#include <pthread.h>

#define HEADROOM	(4 * MIB)
#define THREADS		3
#define BLOCKS		20000
#define SIZE_MOST	480

static void *blocks[THREADS * BLOCKS];

/*
 * The first block of the process is allocated under the limit. An array grows by halves; the blocks
 * that it leaves are of no use to it unless they are returned to the kernel.
 */
static void grow_an_array(void *arg)
{
	char *array = NULL;
	char *grown;
	size_t size = 16;

	(void)arg;
	allow_more(RLIMIT_AS, HEADROOM);
	while ((grown = realloc(array, size))) {
		array = grown;
		array[size - 1] = 1;
		size += size / 2;
	}
	CHECK_FOR(errno == ENOMEM, size);
	CHECK_FOR(size / 3 * 2 >= HEADROOM / 2, size / 3 * 2);
}

/* Blocks of each size, all freed: some empty slabs of each size are kept. */
static void use_all_sizes(void)
{
	for (size_t size = 32; size <= 128 * KIB; size += size / 4) {
		size_t count = MIB / size;

		for (size_t i = 0; i < count; i++) {
			blocks[i] = malloc(size);
			CHECK_FOR(blocks[i], size);
		}
		for (size_t i = 0; i < count; i++)
			free(blocks[i]);
	}
}

/* A block of most of the process's memory, when no other block is live. */
static void empty_slabs_make_room(void *arg)
{
	size_t before = process_has(VM_SIZE);
	size_t has;

	(void)arg;
	use_all_sizes();
	use_all_sizes();
	has = process_has(VM_SIZE) - before;
	allow_more(RLIMIT_AS, 0);
	CHECK_FOR(malloc(has / 2), has);
}

static pthread_barrier_t turn;

/* Every second block is freed by the thread itself, the others by another thread. */
static void *fill_and_end(void *arg)
{
	void **mine = arg;

	for (size_t i = 0; i < BLOCKS; i++) {
		size_t size = 32 + i * 7 % (SIZE_MOST - 32);

		mine[i] = malloc(size);
		CHECK_FOR(mine[i], i);
		memset(mine[i], 1, size);
	}
	for (size_t i = 0; i < BLOCKS; i += 2)
		free(mine[i]);
	pthread_barrier_wait(&turn);
	pthread_barrier_wait(&turn);
	return NULL;
}

static void run_threads(void)
{
	pthread_t threads[THREADS];

	CHECK(pthread_barrier_init(&turn, NULL, THREADS + 1) == 0);
	for (size_t i = 0; i < THREADS; i++)
		CHECK(pthread_create(&threads[i], NULL, fill_and_end, blocks + i * BLOCKS) == 0);
	pthread_barrier_wait(&turn);
	for (size_t i = 0; i < THREADS; i++)
		for (size_t j = 1; j < BLOCKS; j += 2)
			free(blocks[i * BLOCKS + j]);
	pthread_barrier_wait(&turn);
	for (size_t i = 0; i < THREADS; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
}

static size_t filled_by_threads(void)
{
	return (size_t)THREADS * BLOCKS * SIZE_MOST / 2;
}

static void large_block_of_ended_threads(void *arg)
{
	(void)arg;
	run_threads();
	allow_more(RLIMIT_AS, 0);
	CHECK(malloc(filled_by_threads() / 2));
}

static void small_blocks_of_ended_threads(void *arg)
{
	size_t got = 0;

	(void)arg;
	run_threads();
	allow_more(RLIMIT_AS, 0);
	while (malloc(1000))
		got += 1000;
	CHECK_FOR(got >= filled_by_threads() / 2, got);
}

int main(void)
{
	watchdog();
	in_child(grow_an_array, NULL);
	in_child(empty_slabs_make_room, NULL);
	in_child(large_block_of_ended_threads, NULL);
	in_child(small_blocks_of_ended_threads, NULL);
	return 0;
}
