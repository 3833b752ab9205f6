// SPDX-License-Identifier: BSD-3-Clause
/*
 * A minimal allocator that can be traced: it moves the break only up, and never reuses a block. For
 * --doctor and for tests of the harness, which must not depend on the library under test.
 */

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "osmem.h"

#define LARGE 131072ul
#define HEADER 32ul
#define MAPPING (MAP_PRIVATE | MAP_ANONYMOUS)

static size_t *block(size_t size)
{
	size_t span = (size + HEADER + 7) & ~7ul;
	void *start;

	if (size == 0)
		return NULL;
	if (size < LARGE)
		start = sbrk((intptr_t)span);
	else
		start = mmap(NULL, span, PROT_READ | PROT_WRITE, MAPPING, -1, 0);
	if (start == (void *)-1)
		return NULL;
	*(size_t *)start = size;
	return start;
}

void *os_malloc(size_t size)
{
	size_t *start = block(size);

	return start ? (char *)start + HEADER : NULL;
}

void *os_calloc(size_t nmemb, size_t size)
{
	return os_malloc(nmemb * size);
}

void os_free(void *ptr)
{
	size_t *start = ptr ? (size_t *)((char *)ptr - HEADER) : NULL;

	if (start && *start >= LARGE)
		munmap(start, (*start + HEADER + 7) & ~7ul);
}

void *os_realloc(void *ptr, size_t size)
{
	void *moved = os_malloc(size);
	size_t old;

	if (!ptr || !moved)
		return moved;
	old = *(size_t *)((char *)ptr - HEADER);
	memcpy(moved, ptr, old < size ? old : size);
	os_free(ptr);
	return moved;
}
