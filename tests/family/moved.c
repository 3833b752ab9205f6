// SPDX-License-Identifier: BSD-3-Clause

/*
 * A large block grows although the limits (RLIMIT_AS, RLIMIT_DATA) do not allow a second one of its
 * size and something else lies right behind it: the kernel moves it to a free place. There it works
 * like any other block, even if the kernel's address is not a multiple of a unit.
 */

#include "family.h"

#include <sys/mman.h>

#define ROOM	(2 * MIB)	/* for the library's own data about a block */

static __rlimit_resource_t limit;	/* the resource that is limited */

struct growth {
	size_t from, to;	/* bytes */
	size_t alignment;
	size_t odd_pages;
};

static const struct growth growths[] = {
	{ 20 * MIB, 30 * MIB, 16, 0 }, { 9 * MIB + 100, 40 * MIB + 5000, 16, 1 },
	{ 30 * MIB + 70 * KIB, 45 * MIB + 20 * KIB, 4 * MIB, 2 },
	{ 400 * MIB, 700 * MIB + 40 * KIB, 16, 3 },
};

/* Only the start and the end are written, which is enough to verify the contents. */
static size_t filled(size_t size)
{
	return size < 4 * MIB ? size : 4 * MIB;
}

static void write_end(char *block, size_t size)
{
	memset(block + size - 8 * KIB, 3, 8 * KIB);
}

static void use_addresses(void *at, size_t length)
{
	CHECK(mmap(at, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) !=
	      MAP_FAILED);
}

static void others_work(void)
{
	for (size_t size = 10; size < 10 * MIB; size *= 7) {
		char *block = calloc(1, size);

		CHECK_FOR(block && all_zero(block, size), size);
		free(memset(block, 1, size));
	}
}

/* What must work with any block. */
static void is_a_block(char *block, size_t size, size_t has)
{
	CHECK_FOR(malloc_usable_size(block) >= size, size);
	write_end(block, size);
	CHECK_FOR(holds(block, filled(has), has), size);
	others_work();
	block = realloc(block, size + size / 2);
	CHECK_FOR(block && holds(block, filled(has), has), size);
	write_end(block, size + size / 2);
	others_work();
	block = realloc(block, has / 3);
	CHECK_FOR(block && holds(block, filled(has / 3), has), size);
	others_work();
	free(block);
	others_work();
}

static void grow(void *arg)
{
	const struct growth *growth = arg;
	char *block = memalign(growth->alignment, growth->from);
	char *grown;

	CHECK_FOR(block, growth->from);
	use_addresses(block + malloc_usable_size(block), page_size());
	/* The kernel then chooses addresses below these, often inside a unit. */
	use_addresses(NULL, GIB + growth->odd_pages * page_size());
	fill(block, filled(growth->from), growth->from);
	allow_more(limit, growth->to - growth->from + ROOM);
	errno = UNTOUCHED;
	grown = realloc(block, growth->to);
	CHECK_FOR(grown && errno == UNTOUCHED, growth->to);
	CHECK_FOR(!realloc(grown, growth->to + growth->from) && errno == ENOMEM, growth->to);
	allow_all(limit);
	is_a_block(grown, growth->to, growth->from);
}

static void grow_each(__rlimit_resource_t resource)
{
	limit = resource;
	for (size_t i = 0; i < LENGTH(growths); i++)
		in_child(grow, (void *)&growths[i]);
}

int main(void)
{
	watchdog();
	free(hide(malloc(1)));
	grow_each(RLIMIT_AS);
	grow_each(RLIMIT_DATA);
	return 0;
}
