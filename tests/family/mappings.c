// SPDX-License-Identifier: BSD-3-Clause

/*
 * A process may only have so many mappings (vm.max_map_count). Blocks of large alignments, and
 * those with a guard behind them in the hardened build, leave most of them to the program. When
 * there is none left, the kernel refuses to unmap the inside of one: what is freed there goes back
 * to the kernel nevertheless, and is there again for the next block. No address stays behind when a
 * block with a guard grows out of its place.
 */

#include "family.h"

#include <pthread.h>
#include <sys/mman.h>

/* Linux 6.13 */
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL	102
#endif

#define BLOCKS		20000		/* of each kind */
#define MAPPINGS_MOST	4000		/* may be needed for these */
#define LARGE		40
#define SIZE		(9 * MIB)
#define AREAS		((size_t)150000)	/* more than a process may have, as a rule */

static size_t mappings(void)
{
	static char text[64 * KIB];
	int file = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	size_t lines = 0;
	ssize_t length;

	CHECK(file >= 0);
	while ((length = read(file, text, sizeof(text))) > 0)
		for (ssize_t i = 0; i < length; i++)
			lines += text[i] == '\n';
	close(file);
	return lines;
}

static void *nothing(void *arg)
{
	return arg;
}

/* A quarter of the blocks is freed, so that their places are taken again. */
static void aligned(void *arg)
{
	size_t alignment = *(const size_t *)arg;
	size_t before = mappings();
	pthread_t thread;

	for (size_t i = 0; i < BLOCKS; i++) {
		void *block = memalign(alignment, 100);

		CHECK_FOR(block && multiple_of(block, alignment), i);
		if (i % 4 == 0)
			free(block);
	}
	CHECK_FOR(mappings() < before + MAPPINGS_MOST, mappings() - before);
	CHECK(pthread_create(&thread, NULL, nothing, NULL) == 0);
	CHECK(pthread_join(thread, NULL) == 0);
}

/* Each has a guard in the hardened build, which is a mapping of its own before Linux 6.13. */
static void guarded(void *arg)
{
	size_t before = mappings();

	(void)arg;
	for (size_t i = 0; i < BLOCKS; i++)
		CHECK_FOR(malloc(200 * KIB), i);
	CHECK_FOR(mappings() < before + MAPPINGS_MOST, mappings() - before);
}

/* Every second page of it is made a mapping of its own, until the kernel refuses. */
static void *use_up_mappings(void)
{
	size_t page = page_size();
	char *area = mmap(NULL, 2 * AREAS * page, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	CHECK(area != MAP_FAILED);
	for (size_t i = 0; i < AREAS; i++)
		if (mprotect(area + 2 * i * page, page, PROT_READ)) {
			CHECK(errno == ENOMEM);
			return area;
		}
	skip("vm.max_map_count is too high to be reached here");
}

/* Those in between first: each of them would leave one mapping more than there was. */
static void free_in_between(void *blocks[])
{
	for (size_t i = 1; i < LARGE; i += 2)
		free(blocks[i]);
	for (size_t i = 0; i < LARGE; i += 2)
		free(blocks[i]);
}

static void allocate_large(void *blocks[])
{
	for (size_t i = 0; i < LARGE; i++) {
		blocks[i] = malloc(SIZE);
		CHECK_FOR(blocks[i], i);
		memset(blocks[i], 1, SIZE);
	}
}

/* Some of the freed blocks may be kept at hand, with their pages, until the trim. */
static void freed_without_a_mapping(void *arg)
{
	size_t before = process_has(VM_RESIDENT);
	void *blocks[LARGE];
	size_t addresses;
	void *area;

	(void)arg;
	allocate_large(blocks);
	addresses = process_has(VM_SIZE);
	area = use_up_mappings();
	free_in_between(blocks);
	CHECK_FOR(process_has(VM_RESIDENT) < before + LARGE * SIZE / 4, process_has(VM_RESIDENT));
	for (size_t i = 0; i < LARGE; i++)
		free(calloc(1, SIZE));
	CHECK(munmap(area, 2 * AREAS * page_size()) == 0);
	malloc_trim(0);
	CHECK_FOR(process_has(VM_RESIDENT) < before + 4 * MIB, process_has(VM_RESIDENT) - before);
	CHECK_FOR(process_has(VM_SIZE) < addresses - LARGE / 2 * SIZE, process_has(VM_SIZE));
	allocate_large(blocks);
}

/* The second half of a block goes back, although its addresses do not. */
static void shrunk_without_a_mapping(void *arg)
{
	void *blocks[LARGE];
	size_t before;

	(void)arg;
	allocate_large(blocks);
	before = process_has(VM_RESIDENT);
	use_up_mappings();
	for (size_t i = 0; i < LARGE; i++)
		CHECK_FOR(realloc(blocks[i], SIZE / 3), i);
	CHECK_FOR(process_has(VM_RESIDENT) < before - LARGE * SIZE / 2, process_has(VM_RESIDENT));
}

static void grown_out_of_its_place(void *arg)
{
	size_t before = process_has(VM_SIZE);

	(void)arg;
	for (size_t i = 0; i < LARGE; i++) {
		char *block = memalign(4 * MIB, 2 * SIZE);

		CHECK_FOR(block, i);
		block = realloc(block, 5 * SIZE);
		CHECK_FOR(block, i);
		free(block);
		malloc_trim(0);
	}
	CHECK_FOR(process_has(VM_SIZE) < before + 6 * SIZE, process_has(VM_SIZE) - before);
}

/* Whether each guard is a mapping: in the hardened build, whose usable size is what was asked. */
static bool guards_are_mappings(void)
{
	size_t size = 200 * KIB + 1;
	size_t length = page_size();
	char *page = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(page != MAP_FAILED);
	return malloc_usable_size(malloc(size)) == size &&
	       madvise(page, length, MADV_GUARD_INSTALL);
}

int main(void)
{
	static size_t alignments[] = { 32 * KIB, 256 * KIB, 2 * MIB };

	watchdog();
	if (guards_are_mappings())
		skip("before Linux 6.13, each guard of the hardened build is a mapping");
	for (size_t i = 0; i < LENGTH(alignments); i++)
		in_child(aligned, &alignments[i]);
	in_child(guarded, NULL);
	in_child(freed_without_a_mapping, NULL);
	in_child(shrunk_without_a_mapping, NULL);
	in_child(grown_out_of_its_place, NULL);
	return 0;
}
