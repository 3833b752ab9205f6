// SPDX-License-Identifier: BSD-3-Clause

/*
 * Memory runs out because of RLIMIT_AS or RLIMIT_DATA: every function returns NULL
 * with ENOMEM, blocks keep their contents, free() works, and afterwards as much as
 * before can be allocated again; more, when the limit is lifted.
 */

#include "family.h"

#include <pthread.h>

#define MOST	(64 * MIB)
#define HOLES	((size_t)230000)	/* bytes that hold one slot each of these: */
#define SLOTS	((size_t)100000)
#define SLOTS_MOST	(MOST / SLOTS)

/* A list of blocks; what is in them besides the list is a pattern. */
struct link {
	struct link *next;
	size_t number;
};

static __rlimit_resource_t limit;	/* the resource that is limited */

static size_t filled(size_t size)
{
	return size < KIB ? size : KIB;
}

static struct link *add(struct link *list, struct link *block, size_t size)
{
	*block = (struct link){ list, list ? list->number + 1 : 1 };
	fill(block + 1, filled(size) - sizeof(*block), block->number);
	return block;
}

static void drop_all(struct link *list, size_t size)
{
	while (list) {
		struct link *next = list->next;

		CHECK_FOR(holds(list + 1, filled(size) - sizeof(*list), list->number), size);
		errno = UNTOUCHED;
		free(list);
		CHECK_FOR(errno == UNTOUCHED, size);
		list = next;
	}
}

/* Allocates as many blocks as possible, in several ways; the first one holds the number. */
static struct link *use_up(size_t size)
{
	struct link *list = NULL;
	struct link *block;

	errno = UNTOUCHED;
	while ((block = malloc(size))) {
		CHECK_FOR(errno == UNTOUCHED, size);
		list = add(list, block, size);
	}
	CHECK_FOR(errno == ENOMEM, size);
	CHECK_FOR(list, size);
	return list;
}

static void refused(const void *answer, size_t size)
{
	CHECK_FOR(!answer && errno == ENOMEM, size);
	errno = 0;
}

/* More than the limit allows at one time. */
static void refuse_each(struct link *live)
{
	size_t number = live->number;
	void *answer = live;

	errno = 0;
	refused(malloc(MOST), MOST);
	refused(calloc(2, MOST / 2), MOST);
	refused(realloc(NULL, MOST), MOST);
	refused(realloc(hide(live), MOST), MOST);
	refused(reallocarray(hide(live), 3, MOST / 3), MOST);
	refused(aligned_alloc(64, MOST), MOST);
	refused(memalign(MIB, MOST), MOST);
	refused(valloc(MOST), MOST);
	refused(pvalloc(MOST), MOST);
	/* POSIX does not want errno set, but programs that run out of memory read it. */
	CHECK(posix_memalign(&answer, 4096, MOST) == ENOMEM && answer == live && errno == ENOMEM);
	CHECK(live->number == number);
}

/* Under the limit: until no memory is left, again, and something else instead. */
static void reach(void *arg)
{
	size_t size = *(const size_t *)arg;
	struct link *list;
	size_t count;

	allow_more(limit, MOST);
	list = use_up(size);
	refuse_each(list);
	count = list->number;
	/* The allocator needs some memory itself, but a quarter must be usable. */
	CHECK_FOR(count * size >= MOST / 4, size);
	drop_all(list, size);
	list = use_up(size);
	CHECK_FOR(list->number >= count - count / 8, size);
	drop_all(list, size);
	for (size_t other = 1000; other < 20 * MIB; other *= 9) {
		void *block = malloc(other);

		CHECK_FOR(block, other);
		memset(block, 'x', other);
		free(block);
	}
	allow_all(limit);
	list = malloc(2 * MOST);
	CHECK_FOR(list, size);
	free(list);
}

/* A block grows up to the limit and keeps its contents. */
static void grow(void *arg)
{
	size_t size = *(const size_t *)arg;
	char *block = malloc(size);
	char *grown = block;
	size_t most = 0;

	allow_more(limit, MOST);
	CHECK_FOR(block, size);
	fill(block, size, size);
	for (size_t wanted = size; grown; wanted += wanted / 2 + 1) {
		most = wanted;
		errno = 0;
		grown = realloc(block, wanted);
		block = grown ? grown : block;
		CHECK_FOR(holds(block, size, size), wanted);
	}
	CHECK_FOR(errno == ENOMEM && most > MOST / 8, size);
	free(block);
	block = malloc(MOST / 8);
	CHECK_FOR(block, size);
	free(block);
}

/* The kernel grants not even a page: small blocks may still come from existing memory. */
static void nothing_left(void *arg)
{
	struct link *list = arg;
	size_t sizes[] = { 16, 100, 1000, 10000, 100000, MIB };

	allow_more(limit, 0);
	for (size_t i = 0; i < LENGTH(sizes); i++)
		for (size_t j = 0; j < 20000; j++) {
			struct link *block = malloc(sizes[i]);

			if (!block) {
				CHECK_FOR(errno == ENOMEM, sizes[i]);
				break;
			}
			*block = (struct link){ list, j };
			list = block;
		}
	while (list) {
		struct link *next = list->next;

		free(list);
		list = next;
	}
	allow_all(limit);
	free(memset(malloc(MIB), 1, MIB));
}

/* There is no room for a slab of many slots, but mapped memory has room for a few. */
static void little_left(void *arg)
{
	size_t size = *(const size_t *)arg;
	char *block;

	allow_more(limit, 0);
	for (size_t i = 0; i < 4; i++) {
		errno = UNTOUCHED;
		block = malloc(size);
		CHECK_FOR(block && errno == UNTOUCHED, size);
		memset(block, 'x', size);
	}
	free(block);
	CHECK_FOR(malloc(size), size);
}

/* A growing block gets more than it needs, unless that would fail. */
static void grow_into_a_hole(void *arg)
{
	char *block = malloc(SLOTS);
	struct link *hole, *list;

	(void)arg;
	CHECK(block);
	allow_more(limit, MOST);
	list = use_up(640000);
	hole = list->next;
	list->next = hole->next;
	free(hole);
	fill(block, SLOTS, 1);
	block = realloc(block, 600000);
	CHECK(block && holds(block, SLOTS, 1));
}

/* Cached mappings of freed large blocks make room for small ones. */
static void small_after_large(void *arg)
{
	void *first, *second;
	struct link *list;

	(void)arg;
	allow_more(limit, MOST);
	first = malloc(MOST / 4);
	second = malloc(MOST / 4);
	CHECK(first && second);
	free(first);
	free(second);
	list = use_up(1000);
	CHECK_FOR(list->number * 1000 >= MOST / 4 * 3, list->number);
	drop_all(list, 1000);
}

static struct link *taken[SLOTS_MOST];
static pthread_barrier_t turn;

static void *take_slots(void *arg)
{
	pthread_barrier_wait(&turn);
	for (size_t i = 0; i < SLOTS_MOST && (taken[i] = malloc(SLOTS)); i++)
		memset(taken[i], 1, SLOTS);
	pthread_barrier_wait(&turn);
	pause();
	return arg;
}

/* Where slabs of many slots do not fit, a thread has many slabs of one slot, and sleeps. */
static void give_back_for_a_sleeper(void *arg)
{
	struct link *list, *kept = NULL;
	pthread_t thread;
	size_t count;

	(void)arg;
	CHECK(pthread_barrier_init(&turn, NULL, 2) == 0);
	CHECK(pthread_create(&thread, NULL, take_slots, NULL) == 0);
	allow_more(limit, MOST);
	list = use_up(HOLES);
	count = list->number;
	while (list) {
		struct link *next = list->next;

		if (list->number % 2)
			kept = add(kept, list, HOLES);
		else
			free(list);
		list = next;
	}
	pthread_barrier_wait(&turn);
	pthread_barrier_wait(&turn);
	for (size_t i = 0; i < SLOTS_MOST; i++)
		free(taken[i]);
	drop_all(kept, HOLES);
	list = use_up(HOLES);
	CHECK_FOR(list->number >= count - count / 8, list->number);
}

/* There is room for the block, but maybe none for the library's data about it. */
static void room_for_a_block_only(void *arg)
{
	size_t size = 8000000;
	void *block;

	(void)arg;
	watchdog();
	allow_more(limit, size + 60000);
	errno = UNTOUCHED;
	block = malloc(size);
	CHECK(block ? errno == UNTOUCHED : errno == ENOMEM);
	block = malloc(30000);
	CHECK(block || errno == ENOMEM);
}

/* Wherever it is with its notes: some 2,000 blocks take 256 KiB of them. */
static void notes_run_out(void)
{
	for (size_t i = 0; i < 2200; i++) {
		CHECK_FOR(malloc(1040000), i);
		in_child(room_for_a_block_only, NULL);
	}
}

int main(void)
{
	static const __rlimit_resource_t resources[] = { RLIMIT_AS, RLIMIT_DATA };
	static size_t sizes[] = { 100, 300, 1000, 5000, 20000, 70000, 200000, MIB, 5 * MIB };

	watchdog();
	/* The limits count from what the process has after the library's first allocation. */
	free(malloc(1));
	for (size_t i = 0; i < LENGTH(resources); i++) {
		limit = resources[i];
		for (size_t j = 0; j < LENGTH(sizes); j++)
			in_child(reach, &sizes[j]);
		for (size_t j = 1; j < LENGTH(sizes); j += 2)
			in_child(grow, &sizes[j]);
		for (size_t j = 0; sizes[j] < 128 * KIB; j++)
			in_child(little_left, &sizes[j]);
		in_child(nothing_left, NULL);
		in_child(grow_into_a_hole, NULL);
		in_child(small_after_large, NULL);
		in_child(give_back_for_a_sleeper, NULL);
	}
	limit = RLIMIT_AS;
	notes_run_out();
	return 0;
}
