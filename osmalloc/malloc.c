// SPDX-License-Identifier: BSD-3-Clause

/*
 * The C malloc family: names and corner cases, without state or policy.
 *
 * The functions follow the Linux manual pages malloc(3), posix_memalign(3) and
 * malloc_usable_size(3), and glibc where these leave something open. On failure they return NULL
 * and set errno to ENOMEM; otherwise they leave errno unchanged. All of them are thread-safe, and
 * each block is a multiple of 16.
 */

#include "osmalloc.h"

#include <errno.h>
#include <string.h>

#include "alloc.h"
#include "check.h"
#include "realloc.h"

static bool is_power_of_two(size_t n)
{
	return n && !(n & (n - 1));
}

/* The family */

OSMALLOC_API void *malloc(size_t size)
{
	return alloc_block(size);
}

OSMALLOC_API void free(void *ptr)
{
	if (likely(ptr))
		free_block(alloc_slab_of("free", ptr), ptr);
}

OSMALLOC_API void *calloc(size_t nmemb, size_t size)
{
	size_t total;
	void *ptr;

	if (__builtin_mul_overflow(nmemb, size, &total))
		total = SIZE_MAX;
	ptr = alloc_block(total);
	if (ptr && !(total > SLOT_MOST && large_clear(pagemap_get(ptr))))
		memset(ptr, 0, total);
	return ptr;
}

OSMALLOC_API void *realloc(void *ptr, size_t size)
{
	if (!ptr)
		return alloc_block(size);
	if (size)
		return realloc_block(ptr, size);
	free_block(alloc_slab_of("realloc", ptr), ptr);
	return NULL;
}

OSMALLOC_API void *reallocarray(void *ptr, size_t nmemb, size_t size)
{
	size_t total;

	if (__builtin_mul_overflow(nmemb, size, &total)) {
		errno = ENOMEM;
		return NULL;
	}
	return realloc(ptr, total);
}

/* Alignment */

/*
 * A block at a multiple of alignment, a power of two; NULL with ENOMEM. A slot whose size is a
 * multiple of the alignment is aligned (sizeclass.h).
 */
static __attribute__((noinline)) void *take_aligned(size_t alignment, size_t size)
{
	size_t bytes = alloc_whole(size);
	size_t rounded = (bytes + alignment - 1) & ~(alignment - 1);
	void *block;

	if (alignment <= GRAIN)
		return alloc_block(size);
	if (alignment <= UNIT && bytes <= SLOT_MOST && rounded <= SLOT_MOST)
		block = alloc_slot(rounded ? rounded : alignment);
	else
		block = alloc_large(bytes, alignment);
	return hook_allocated(block, size);
}

OSMALLOC_API void *aligned_alloc(size_t alignment, size_t size)
{
	if (is_power_of_two(alignment))
		return take_aligned(alignment, size);
	errno = EINVAL;
	return NULL;
}

OSMALLOC_API void *memalign(size_t alignment, size_t size)
{
	return aligned_alloc(alignment, size);
}

/*
 * POSIX returns errors and leaves errno unspecified. glibc also sets errno when memory runs out,
 * and there are programs that rely on it.
 */
OSMALLOC_API int posix_memalign(void **memptr, size_t alignment, size_t size)
{
	size_t rounded = (size + alignment - 1) & ~(alignment - 1);
	void *ptr = NULL;

	if (!is_power_of_two(alignment) || alignment % sizeof(void *))
		return EINVAL;
	if (!CANARY && size && size <= SLOT_MOST && alignment <= UNIT)
		ptr = alloc_ready(rounded);
	if (unlikely(!ptr) && likely(alloc_may_fit(size | alignment)))
		ptr = take_aligned(alignment, size);
	if (!ptr)
		return ENOMEM;
	*memptr = ptr;
	return 0;
}

OSMALLOC_API void *valloc(size_t size)
{
	return take_aligned(os_page_size(), size);
}

OSMALLOC_API void *pvalloc(size_t size)
{
	size_t page = os_page_size();

	if (size > LARGE_MOST) {
		errno = ENOMEM;
		return NULL;
	}
	return take_aligned(page, size ? (size + page - 1) & ~(page - 1) : page);
}

/* The rest */

OSMALLOC_API void cfree(void *ptr)
{
	free(ptr);
}

/* Ends the program if size is not what was asked for; malloc(0) may count as 1. */
static inline void verify_size(const char *api, void *ptr, size_t size)
{
	size_t asked;

	if (!CANARY || !ptr)
		return;
	asked = hook_usable(alloc_slab_of(api, ptr), ptr);
	if (size ? asked != size : asked > 1)
		check_report(api, "wrong size", ptr);
}

OSMALLOC_API void free_sized(void *ptr, size_t size)
{
	verify_size("free_sized", ptr, size);
	free(ptr);
}

OSMALLOC_API void free_aligned_sized(void *ptr, size_t alignment, size_t size)
{
	verify_size("free_aligned_sized", ptr, size);
	if (CANARY && ptr && (!is_power_of_two(alignment) || (uintptr_t)ptr % alignment))
		check_report("free_aligned_sized", "wrong alignment", ptr);
	free(ptr);
}

OSMALLOC_API size_t malloc_usable_size(void *ptr)
{
	return ptr ? hook_usable(alloc_slab_of("malloc_usable_size", ptr), ptr) : 0;
}

/* glibc's internal names, for binaries that call these. */

OSMALLOC_API void *__libc_malloc(size_t size)
{
	return malloc(size);
}

OSMALLOC_API void __libc_free(void *ptr)
{
	free(ptr);
}

OSMALLOC_API void *__libc_calloc(size_t nmemb, size_t size)
{
	return calloc(nmemb, size);
}

OSMALLOC_API void *__libc_realloc(void *ptr, size_t size)
{
	return realloc(ptr, size);
}

OSMALLOC_API void *__libc_memalign(size_t alignment, size_t size)
{
	return memalign(alignment, size);
}

OSMALLOC_API void *__libc_valloc(size_t size)
{
	return valloc(size);
}

OSMALLOC_API void *__libc_pvalloc(size_t size)
{
	return pvalloc(size);
}
