// SPDX-License-Identifier: BSD-3-Clause

/*
 * vm.max_map_count: the number of a process's mappings is limited, and unmapping a
 * part of one takes another one. First large blocks, until an allocation fails or
 * 70000 are live; then blocks while the process has spent all its mappings on
 * something else: NULL and ENOMEM, contents stay, free() is quiet though
 * munmap() fails, and all is well when there are mappings again.
 */

#include "family.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sysinfo.h>

#define BLOCKS		70000
#define SIZE		(MIB + 5000)
#define NEEDED		(2 * GIB)	/* one or two pages for each block, and page tables */
#define MOST_AREAS	((size_t)1000000)
#define HELD		60

static void *blocks[BLOCKS];

static bool enough_memory(void)
{
	struct sysinfo info;

	CHECK(sysinfo(&info) == 0);
	return (info.freeram + info.bufferram) * info.mem_unit > NEEDED;
}

static void works(void)
{
	for (size_t size = 1; size < 64 * MIB; size *= 3) {
		void *block = calloc(1, size);

		CHECK_FOR(block, size);
		CHECK_FOR(all_zero(block, size < MIB ? size : MIB), size);
		free(block);
	}
}

static void release(size_t i)
{
	errno = UNTOUCHED;
	free(blocks[i]);
	CHECK_FOR(errno == UNTOUCHED, i);
	blocks[i] = NULL;
}

/* Freed so that every second one leaves a hole, then the rest. */
static void very_many(void)
{
	size_t count = 0;

	while (count < BLOCKS) {
		errno = 0;
		blocks[count] = malloc(SIZE);
		if (!blocks[count])
			break;
		*(size_t *)blocks[count] = count;
		count++;
	}
	CHECK_FOR(count == BLOCKS || errno == ENOMEM, count);
	CHECK_FOR(count > 1000, count);
	for (size_t i = 0; i < count; i += 2)
		release(i);
	works();
	for (size_t i = 1; i < count; i += 2) {
		CHECK_FOR(*(size_t *)blocks[i] == i, i);
		release(i);
	}
	works();
}

/* Makes every second page a mapping of its own, until the kernel refuses. */
static void *use_up_mappings(void)
{
	size_t page = page_size();
	size_t length = MOST_AREAS * page;
	char *area = mmap(NULL, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
			  -1, 0);

	CHECK(area != MAP_FAILED);
	for (size_t at = page; at < length; at += 2 * page)
		if (mprotect(area + at, page, PROT_READ)) {
			CHECK(errno == ENOMEM);
			return area;
		}
	skip("vm.max_map_count is too high to be reached here");
}

static size_t held_size(size_t i)
{
	return i % 3 ? MIB + i * 5000 : 200000 + i * 100;
}

/* Both results are right: a block, or NULL with ENOMEM. */
static void *right(void *block, size_t size)
{
	CHECK_FOR(block ? malloc_usable_size(block) >= size : errno == ENOMEM, size);
	if (block)
		memset(block, 'x', size);
	errno = 0;
	return block;
}

static void ask_each(size_t size)
{
	void *answers[] = {
		right(malloc(size), size), right(calloc(1, size), size),
		right(memalign(2 * MIB, size), size), right(aligned_alloc(64, size), size),
		right(realloc(NULL, size), size), right(valloc(size), size),
	};

	for (size_t i = 0; i < LENGTH(answers); i++)
		free(answers[i]);
}

static void resize_each(void)
{
	for (size_t i = 0; i < HELD; i++) {
		size_t size = i % 2 ? held_size(i) * 2 : held_size(i) / 2;
		void *answer = realloc(blocks[i], size);

		CHECK_FOR(answer || errno == ENOMEM, i);
		blocks[i] = answer ? answer : blocks[i];
		CHECK_FOR(holds(blocks[i], held_size(i) / 2, i), i);
	}
}

static void no_mappings_left(void)
{
	void *area;

	for (size_t i = 0; i < HELD; i++) {
		blocks[i] = malloc(held_size(i));
		CHECK_FOR(blocks[i], i);
		fill(blocks[i], held_size(i), i);
	}
	area = use_up_mappings();
	for (size_t size = 10; size < 10 * MIB; size *= 5)
		ask_each(size);
	resize_each();
	for (size_t i = 1; i < HELD; i += 2)
		release(i);
	ask_each(3 * MIB);
	for (size_t i = 0; i < HELD; i += 4)
		release(i);
	CHECK(munmap(area, MOST_AREAS * page_size()) == 0);
	for (size_t i = 2; i < HELD; i += 4) {
		CHECK_FOR(holds(blocks[i], held_size(i) / 2, i), i);
		release(i);
	}
	works();
}

int main(void)
{
	watchdog();
	/* With a huge page for each block, this would use up the machine's memory. */
	prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
	no_mappings_left();
	if (!enough_memory())
		skip("70000 blocks of 1 MiB take more memory than is free");
	very_many();
	return 0;
}
