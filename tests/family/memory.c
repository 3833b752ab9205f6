// SPDX-License-Identifier: BSD-3-Clause

/*
 * Resident memory: after much was freed, in any order and by any thread, and while
 * the sizes of live blocks change all the time.
 */

#include "family.h"

#include <pthread.h>

#define BLOCKS		24000
#define LARGEST		8192
#define STAYS_MOST	(8 * MIB)	/* more than before the first block */
#define KEPT_MOST	(64 * MIB)	/* kept for the next allocation */
#define ROUNDED_MOST	(4 * MIB)	/* two huge pages, at both ends of the kept memory */
#define PHASE		(8 * MIB)
#define THREADS		8
#define EACH		60		/* blocks of some 100 KiB */
#define STEADY		(48 * MIB)	/* live, while sizes drift */

static unsigned char *blocks[BLOCKS];
static size_t sizes[BLOCKS];
static uint64_t state = 88172645463325252;

static void block_make(size_t i, size_t size)
{
	blocks[i] = malloc(size);
	CHECK_FOR(blocks[i], size);
	memset(blocks[i], 1, size);
	sizes[i] = size;
}

/* Close to 100 MB. */
static void *make_all(void *arg)
{
	for (size_t i = 0; i < BLOCKS; i++)
		block_make(i, 256 + next_random(&state) % (LARGEST - 256));
	return arg;
}

static void *drop_all(void *arg)
{
	for (size_t i = BLOCKS; i > 1; i--) {
		size_t other = next_random(&state) % i;
		unsigned char *block = blocks[other];

		blocks[other] = blocks[i - 1];
		free(block);
	}
	free(blocks[0]);
	return arg;
}

static void in_a_thread(void *(*run)(void *))
{
	pthread_t thread;

	CHECK(pthread_create(&thread, NULL, run, NULL) == 0);
	CHECK(pthread_join(thread, NULL) == 0);
}

static void check_stays(size_t before)
{
	size_t now = process_has(VM_RESIDENT);

	CHECK_FOR(now < before + STAYS_MOST, now - before);
}

/* The number of live bytes stays, while the sizes of blocks rise and fall. */
static void drift(size_t before)
{
	size_t live = 0;
	size_t next = 0;

	for (size_t turn = 0; turn < 40; turn++) {
		size_t middle = 2048 + 1024 * (turn < 20 ? turn % 20 : 19 - turn % 20);

		for (size_t i = 0; i < BLOCKS / 8; i++, next = (next + 1) % BLOCKS) {
			live -= sizes[next];
			free(blocks[next]);
			blocks[next] = NULL;
			sizes[next] = 0;
			if (live < STEADY) {
				block_make(next, middle / 2 + next_random(&state) % middle);
				live += sizes[next];
			}
		}
		CHECK_FOR(process_has(VM_RESIDENT) < before + live + live / 4 + STAYS_MOST, turn);
	}
	for (size_t i = 0; i < BLOCKS; i++)
		free(blocks[i]);
}

static void free_all(size_t before)
{
	make_all(NULL);
	CHECK(process_has(VM_RESIDENT) > before + 90 * MIB);
	drop_all(NULL);
	check_stays(before);
}

static void free_what_an_ended_thread_made(size_t before)
{
	in_a_thread(make_all);
	drop_all(NULL);
	check_stays(before);
}

static pthread_barrier_t together;

static void *make_some(void *arg)
{
	size_t first = *(const size_t *)arg;

	for (size_t i = 0; i < EACH; i++)
		block_make(first + i, (80 + 16 * (i % 4)) * KIB);
	pthread_barrier_wait(&together);
	return arg;
}

/* Each has its own slabs, of few slots; some are full, others are not. */
static void free_what_many_threads_made(size_t before)
{
	static size_t firsts[THREADS];
	pthread_t threads[THREADS];

	CHECK(pthread_barrier_init(&together, NULL, THREADS) == 0);
	for (size_t i = 0; i < THREADS; i++) {
		firsts[i] = i * EACH;
		CHECK(pthread_create(&threads[i], NULL, make_some, &firsts[i]) == 0);
	}
	for (size_t i = 0; i < THREADS; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
	CHECK(process_has(VM_RESIDENT) > before + THREADS * EACH * 100 * KIB);
	for (size_t i = 0; i < THREADS * EACH; i++)
		free(blocks[i]);
	check_stays(before);
}

static void let_a_thread_free_all(size_t before)
{
	make_all(NULL);
	in_a_thread(drop_all);
	/* An allocation collects what other threads freed. */
	CHECK(malloc_trim(0) == 1);
	check_stays(before);
}

/* Whether the kernel uses a huge page for every first touch, without being asked. */
static bool huge_pages_everywhere(void)
{
	char text[100] = "";
	int file = open("/sys/kernel/mm/transparent_hugepage/enabled", O_RDONLY | O_CLOEXEC);
	ssize_t length = read(file, text, sizeof(text) - 1);

	close(file);
	return length > 0 && strstr(text, "[always]");
}

/* Memory that was returned in vain is kept, up to KEPT_MOST, but not for ever. */
static void free_all_again_and_again(size_t before)
{
	size_t most = KEPT_MOST + STAYS_MOST;

	for (int times = 0; times < 3; times++) {
		make_all(NULL);
		drop_all(NULL);
	}
	if (huge_pages_everywhere())
		most += ROUNDED_MOST;
	CHECK_FOR(process_has(VM_RESIDENT) < before + most, process_has(VM_RESIDENT) - before);
	for (int times = 0; times < 100; times++) {
		for (size_t i = 0; i < PHASE / 4000; i++)
			block_make(i, 4000);
		for (size_t i = 0; i < PHASE / 4000; i++)
			free(blocks[i]);
	}
	CHECK(process_has(VM_RESIDENT) < before + PHASE + STAYS_MOST);
}

int main(void)
{
	void (*const scenes[])(size_t before) = {
		free_all, free_what_an_ended_thread_made, free_what_many_threads_made,
		let_a_thread_free_all, drift, free_all_again_and_again,
	};

	for (size_t i = 0; i < LENGTH(scenes); i++) {
		size_t before = process_has(VM_RESIDENT);
		pid_t child = fork();
		int status;

		if (child == 0) {
			scenes[i](before);
			_exit(0);
		}
		CHECK(child > 0 && waitpid(child, &status, 0) == child);
		CHECK_FOR(status == 0, i);
	}
	return 0;
}
