/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * memory_allocator: blocks on a heap at the program break that are split and
 * coalesced, and mappings for large ones. The program's malloc() stays what it is.
 * Link libmemory_allocator; docs/wrappers.md says what keeps each promise.
 *
 * Sizes are bytes, addresses multiples of 16. Any thread may call at any time;
 * nothing here may be called from a signal handler.
 *
 * Errors: NULL with errno = ENOMEM when memory is refused, EINVAL for a pointer that
 * cannot be meant; errno is left alone otherwise. memfree() of a pointer that is not
 * a live block, and any call that meets an overwritten header, writes one line to
 * stderr, where functions have the names of utils/osmem.h, and aborts.
 */

#ifndef MEMORY_ALLOCATOR_H
#define MEMORY_ALLOCATOR_H

#include <stddef.h>
#include <sys/cdefs.h>

/*
 * A block that needs so many bytes with its 32 of bookkeeping, and any larger one, has a private
 * anonymous mapping, readable and writable, which memfree() unmaps. It is built in.
 */
#ifndef MMAP_THRESHOLD
#define MMAP_THRESHOLD	(128UL * 1024)
#elif MMAP_THRESHOLD != 131072
#error "memory_allocator: MMAP_THRESHOLD is 131072 in the library; leave it undefined"
#endif

__BEGIN_DECLS

/* At least size bytes, not initialised; a block of its own for size 0 as well. */
void *memalloc(size_t size);

/* n * elem_size bytes, all zero; NULL and ENOMEM when the product overflows. */
void *defalloc(size_t n, size_t elem_size);

/* Gives a block back; NULL is ignored. */
void memfree(void *ptr);

/*
 * Makes ptr's block at least new_size bytes long and keeps its contents up to the
 * smaller of both sizes. It stays where it is when it shrinks, unless it is a mapping of which
 * less than half would be used, and when it grows on the heap and what is behind it is
 * free or the break. ptr NULL: memalloc(). new_size 0: memfree(), returns NULL.
 * On failure NULL, and the old block is as it was; EINVAL if there is no such block.
 */
void *memresize(void *ptr, size_t new_size);

/* A new block with a copy of size bytes; NULL and EINVAL when src is NULL and size is not 0. */
void *memdup(const void *src, size_t size);

/* memset(); NULL and EINVAL when ptr is NULL and size is not 0. */
void *memoryset(void *ptr, int c, size_t size);

__END_DECLS

#endif
