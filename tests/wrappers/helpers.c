// SPDX-License-Identifier: BSD-3-Clause

/* memdup(), memoryset(), and the errors of memory_allocator for invalid pointers. */

#include "../family/family.h"

#include "memory_allocator.h"

static void duplicates(size_t size)
{
	unsigned char *block = memalloc(size), *copy;

	fill(block, size, size);
	errno = UNTOUCHED;
	copy = memdup(block, size);
	CHECK_FOR(copy && copy != block && errno == UNTOUCHED, size);
	CHECK_FOR(holds(copy, size, size), size);
	CHECK_FOR(memoryset(copy, 0x1a5, size) == copy, size);
	for (size_t i = 0; i < size; i++)
		CHECK_FOR(copy[i] == 0xa5, size);
	CHECK_FOR(holds(block, size, size) && errno == UNTOUCHED, size);
	memfree(block);
	memfree(copy);
}

static void refused(const void *answer, int error)
{
	CHECK(!answer);
	CHECK_FOR(errno == error, errno);
	errno = UNTOUCHED;
}

int main(void)
{
	void *freed = memalloc(100), *mapped = memalloc(MMAP_THRESHOLD), *empty;
	char local[100];

	watchdog();
	for (size_t size = 0; size < MIB; size += size / 2 + 1)
		duplicates(size);
	errno = UNTOUCHED;
	empty = memdup(NULL, 0);
	CHECK(empty && errno == UNTOUCHED);
	refused(memdup(NULL, 1), EINVAL);
	refused(memdup(local, hide_size(SIZE_MAX)), ENOMEM);
	refused(memoryset(NULL, 0, 1), EINVAL);
	refused(memoryset(NULL, 0, 0), UNTOUCHED);
	refused(memresize(hide(local + 48), 10), EINVAL);
	memfree(freed);
	refused(memresize(hide(freed), 10), EINVAL);
	memfree(mapped);
	refused(memresize(hide(mapped), 10), EINVAL);
	return 0;
}
