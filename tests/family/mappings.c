// SPDX-License-Identifier: BSD-3-Clause

/*
 * The number of a process's mappings is limited (vm.max_map_count). Blocks with large alignments,
 * and blocks with a guard in the hardened build, leave most of them to the program. At the limit,
 * the kernel refuses to unmap the middle of a mapping: the pages of a freed block still return to
 * the kernel, and the next block can use its addresses. When a block with a guard has to move to
 * grow, it leaves no mapping at its old place.
 */

#include "family.h"

#include <pthread.h>
#include <sys/mman.h>

/* Linux 6.13 */
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL	102
#endif

#define BLOCKS		20000		/* of each kind */
#define MAPPINGS_MOST	4000		/* that these may need */
#define LARGE		40
#define SIZE		(9 * MIB)
#define AREAS		((size_t)150000)	/* more than the usual limit */

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

/* Frees a quarter of the blocks, so that new ones take their places. */
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

/* Makes every second page a mapping of its own, until the kernel refuses. */
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

/* Every second one first: unmapping each of these would split a mapping. */
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

/* Some freed blocks may be cached, with their pages, until the trim. */
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

/* The pages of a block's second half return to the kernel, although they stay mapped. */
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

/* Whether guards are mappings: in the hardened build, where the usable size is the size. */
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
