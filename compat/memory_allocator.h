/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * memory_allocator: splits and coalesces blocks on a heap at the program break, and
 * maps large blocks. It does not replace the program's malloc(). Link with
 * libmemory_allocator; docs/wrappers.md says what keeps each promise.
 *
 * Sizes are in bytes; addresses are multiples of 16. Any thread may call these functions at
 * any time, but a signal handler must not.
 *
 * Errors: NULL with errno = ENOMEM when memory runs out, NULL with errno = EINVAL for an
 * invalid pointer; otherwise errno does not change. memfree() of a pointer that is not a
 * live block, and any call that encounters an overwritten header, writes one line to stderr
 * and aborts. That line names the functions as in utils/osmem.h.
 */

#ifndef MEMORY_ALLOCATOR_H
#define MEMORY_ALLOCATOR_H

#include <stddef.h>

/*
 * A block whose size, plus 32 bytes of bookkeeping, is at least this gets its own private
 * anonymous mapping, readable and writable, which memfree() unmaps. The value is built into the
 * library.
 */
#ifndef MMAP_THRESHOLD
#define MMAP_THRESHOLD	(128UL * 1024)
#elif MMAP_THRESHOLD != 131072
#error "memory_allocator: MMAP_THRESHOLD is 131072 in the library; leave it undefined"
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Allocates at least size bytes, uninitialised; a unique block for size 0 too. */
void *memalloc(size_t size);

/* Allocates n * elem_size bytes, all zero; NULL and ENOMEM if the product overflows. */
void *defalloc(size_t n, size_t elem_size);

/* Frees a block; ignores NULL. */
void memfree(void *ptr);

/*
 * Resizes ptr's block to at least new_size bytes and keeps its contents up to the smaller of
 * the two sizes. A block that shrinks stays in place, unless it is a mapping and less than half
 * of it would be used. A block that grows on the heap stays in place if it ends at the break or
 * enough free memory follows it. ptr NULL: as memalloc(). new_size 0: as memfree(), returns NULL.
 * On failure, returns NULL and leaves the old block unchanged; errno is EINVAL if ptr is not a
 * live block.
 */
void *memresize(void *ptr, size_t new_size);

/* Copies size bytes to a new block; NULL and EINVAL if src is NULL and size is not 0. */
void *memdup(const void *src, size_t size);

/* As memset(); NULL and EINVAL if ptr is NULL and size is not 0. */
void *memoryset(void *ptr, int c, size_t size);

#ifdef __cplusplus
}
#endif

#endif
