// SPDX-License-Identifier: BSD-3-Clause

/*
 * A wrapper of the contract allocator, built with an ALIGNMENT of 16: it has the names of
 * memory_allocator.h, and C's behaviour where the contract differs.
 */

#include "memory_allocator.h"

#include <errno.h>
#include <string.h>

#include "check.h"
#include "config.h"
#include "lock.h"
#include "map.h"
#include "osmem.h"

/* The contract returns NULL for size 0 (W4). */
OSMEM_API void *memalloc(size_t size)
{
	return os_malloc(size ? size : 1);
}

/* Does not use os_calloc(), which maps blocks from a page up (W2). */
OSMEM_API void *defalloc(size_t n, size_t elem_size)
{
	size_t size;
	void *ptr;

	if (__builtin_mul_overflow(n, elem_size, &size))
		size = SIZE_MAX;
	ptr = memalloc(size);
	/* Mappings are already zero. */
	if (ptr && size < MMAP_THRESHOLD)
		memset(ptr, 0, size);
	return ptr;
}

OSMEM_API void memfree(void *ptr)
{
	os_free(ptr);
}

/* Whether ptr is a mapping that can stay in place; the contract would replace it (X3). */
static bool mapping_stays(const void *ptr, size_t size)
{
	const struct header *b;
	bool stays;

	lock_take();
	check_api = "memresize";
	b = map_find(ptr);
	stays = b && size <= b->size && size >= b->size / 2;
	lock_give();
	return stays;
}

OSMEM_API void *memresize(void *ptr, size_t new_size)
{
	int error = errno;
	void *resized;

	if (!ptr)
		return memalloc(new_size);
	if (!new_size) {
		memfree(ptr);
		return NULL;
	}
	if (mapping_stays(ptr, new_size))
		return ptr;
	/* For a block that is already free, os_realloc() leaves errno alone (X2). */
	errno = EINVAL;
	resized = os_realloc(ptr, new_size);
	if (resized)
		errno = error;
	return resized;
}

OSMEM_API void *memdup(const void *src, size_t size)
{
	void *copy;

	if (!src && size) {
		errno = EINVAL;
		return NULL;
	}
	copy = memalloc(size);
	return copy && size ? memcpy(copy, src, size) : copy;
}

OSMEM_API void *memoryset(void *ptr, int c, size_t size)
{
	if (ptr)
		return memset(ptr, c, size);
	if (size)
		errno = EINVAL;
	return NULL;
}
