// SPDX-License-Identifier: BSD-3-Clause

/*
 * The production allocator: threads free each other's blocks and verify contents, other threads
 * start and end, and one trims the heaps of all. The allocator is compiled into the program under
 * other names (prefix.h), because a sanitizer has a malloc() of its own.
 */

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "pagemap.h"
#include "stress.h"
#include "trim.h"

#define SHARED	512
#define WORKERS	4
#define GUESTS	50
#define CHAIN	300	/* blocks: some slabs */

/* The start of every block. */
struct block {
	size_t size;
	unsigned char bytes[];
};

static struct block *shared[SHARED];
static long steps;
static bool done;

/* Blocks of one size that another thread is to free. */
struct link {
	struct link *next;
	size_t number;
};

static struct link *chains[WORKERS];

static size_t checked(size_t size)
{
	return size < 200 ? size : 200;
}

static void fill(struct block *block, size_t size)
{
	if (!block)
		complain("no memory");
	block->size = size;
	memset(block->bytes, (int)size, checked(size));
}

static void drop(struct block *block, bool resize)
{
	if (!block)
		return;
	for (size_t i = 0; i < checked(block->size); i++)
		if (block->bytes[i] != (unsigned char)block->size)
			complain("contents changed");
	if (resize)
		block = realloc(block, sizeof(*block) + block->size / 2);
	free(block);
}

/* Puts a block into a shared place and frees the block that another thread left there. */
static void step(struct table *numbers)
{
	size_t size = next_random(numbers) % (next_random(numbers) % 50 ? 600 : 200000);
	struct block *block = next_random(numbers) % 2 ?
		malloc(sizeof(*block) + size) : calloc(1, sizeof(*block) + size);

	fill(block, size);
	block = __atomic_exchange_n(&shared[next_random(numbers) % SHARED], block,
				    __ATOMIC_ACQ_REL);
	drop(block, next_random(numbers) % 2);
}

/* The numbers must be complete, from the last to the first. */
static void drop_chain(struct link *link)
{
	size_t number = CHAIN;

	for (struct link *next; link; link = next) {
		number -= 2;
		next = link->next;
		if (link->number != number)
			complain("contents of a chain changed");
		free(link);
	}
}

/* Frees every second of many blocks, and leaves the others to another thread. */
static void step_chain(struct table *numbers)
{
	size_t size = sizeof(struct link) + next_random(numbers) % 1000;
	struct link *links[CHAIN];
	struct link *chain = NULL;

	for (size_t i = 0; i < CHAIN; i++) {
		links[i] = malloc(size);
		if (!links[i])
			complain("no memory");
	}
	for (size_t i = 0; i < CHAIN; i += 2) {
		*links[i] = (struct link){ chain, i };
		chain = links[i];
		free(links[i + 1]);
	}
	drop_chain(__atomic_exchange_n(&chains[next_random(numbers) % WORKERS], chain,
				       __ATOMIC_ACQ_REL));
}

static void *trim(void *arg)
{
	while (!__atomic_load_n(&done, __ATOMIC_ACQUIRE))
		trim_heaps();
	return arg;
}

static void *work(void *arg)
{
	static struct table tables[WORKERS];
	struct table *numbers = &tables[(size_t)arg];

	numbers->state = (size_t)arg * 0x9e3779b97f4a7c15 + 1;
	for (long i = 0; i < steps; i++) {
		step(numbers);
		if (i % CHAIN == 0)
			step_chain(numbers);
	}
	return NULL;
}

/* A short thread: uses some blocks of its own, some of other threads. */
static void *visit(void *arg)
{
	for (size_t i = 0; i < 100; i++) {
		free(malloc(100 + i));
		drop(__atomic_exchange_n(&shared[i], NULL, __ATOMIC_ACQ_REL), false);
	}
	return arg;
}

static void start(pthread_t *thread, void *(*run)(void *arg), size_t number)
{
	if (pthread_create(thread, NULL, run, (void *)number))
		complain("no thread");
}

/* Tries to grow a block near the end of the address space beyond it. */
static void check_last_addresses(void)
{
	uintptr_t end = (uintptr_t)UNIT << PAGEMAP_LEAF_LOG << PAGEMAP_ROOT_LOG;

	if (!pagemap_reserve(end - UNIT, UNIT) || pagemap_reserve(end - UNIT, 2 * UNIT))
		complain("page map");
}

int main(int argc, char **argv)
{
	pthread_t workers[WORKERS], guest, trimmer;

	steps = steps_wanted(argc, argv);
	check_last_addresses();
	for (size_t i = 0; i < WORKERS; i++)
		start(&workers[i], work, i);
	start(&trimmer, trim, 0);
	for (size_t i = 0; i < GUESTS; i++) {
		start(&guest, visit, i);
		pthread_join(guest, NULL);
	}
	for (size_t i = 0; i < WORKERS; i++)
		pthread_join(workers[i], NULL);
	__atomic_store_n(&done, true, __ATOMIC_RELEASE);
	pthread_join(trimmer, NULL);
	for (size_t i = 0; i < WORKERS; i++)
		drop_chain(chains[i]);
	for (size_t i = 0; i < SHARED; i++)
		drop(shared[i], false);
	if (audit_check())
		complain(audit_check());
	return 0;
}
