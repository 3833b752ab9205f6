// SPDX-License-Identifier: BSD-3-Clause

/*
 * A process may only have so many mappings (vm.max_map_count). Blocks of large alignments, and
 * those with a guard behind them in the hardened build, leave most of them to the program.
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

/* Whether each guard is a mapping: in the hardened build, whose usable size is what was asked. */
static bool guards_are_mappings(void)
{
	size_t size = 200 * KIB + 1;
	char *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(page != MAP_FAILED);
	return malloc_usable_size(malloc(size)) == size && madvise(page, PAGE, MADV_GUARD_INSTALL);
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
	return 0;
}
