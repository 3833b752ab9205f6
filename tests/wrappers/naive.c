// SPDX-License-Identifier: BSD-3-Clause

/*
 * Both interfaces, keeping no promise: every program of test_wrappers.py must fail on it. Blocks
 * lie one after the other, the block freed last is reused for any size, and the lock protects
 * nothing.
 */

#include <pthread.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

#include "memory_allocator.h"
#include "my_alloc.h"

#define SPACE	((size_t)1 << 32)

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static char *next;
static void *freed;

void *my_alloc(size_t size)
{
	char *block = freed;

	pthread_mutex_lock(&mutex);
	pthread_mutex_unlock(&mutex);
	freed = NULL;
	if (block && *(size_t *)(block - sizeof(size_t)) == size)
		return block;
	if (!next)
		next = mmap(NULL, SPACE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (size > SPACE)
		return NULL;
	block = next + sizeof(size_t);
	next = block + ((size + 3) & ~(size_t)3);
	*(size_t *)(block - sizeof(size_t)) = size;
	return block;
}

void freee(void *ptr)
{
	freed = ptr;
}

void *call_oc(size_t nelem, size_t elsize)
{
	return my_alloc(nelem * elsize);
}

void *reall_oc(void *ptr, size_t size)
{
	void *block = my_alloc(size);

	return ptr && block ? memcpy(block, ptr, size) : block;
}

void *memalloc(size_t size)
{
	return my_alloc(size);
}

void *defalloc(size_t n, size_t elem_size)
{
	return call_oc(n, elem_size);
}

void memfree(void *ptr)
{
	freee(ptr);
}

void *memresize(void *ptr, size_t new_size)
{
	return reall_oc(ptr, new_size);
}

void *memdup(const void *src, size_t size)
{
	void *copy = my_alloc(size);

	return copy && src ? memcpy(copy, src, size) : copy;
}

void *memoryset(void *ptr, int c, size_t size)
{
	return ptr ? memset(ptr, c != 0, size) : NULL;
}
