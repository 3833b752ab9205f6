/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The public interface of libosmem, the contract allocator.
 *
 * Sizes are in bytes. A payload is 8-aligned and follows a struct block_meta.
 * docs/contract.md defines the behaviour, down to each system call; names such as
 * W4 are its rules. Any thread may call these functions at any time (B3), but a
 * signal handler must not.
 *
 * Errors: NULL with errno = ENOMEM when memory runs out (W5, B1), NULL with errno =
 * EINVAL for os_realloc() of a pointer that is not a block's payload. os_free() of
 * such a pointer, and any call that encounters an overwritten header, writes one
 * line to stderr and aborts (B4). errno does not change on success.
 *
 * The prototypes deliberately have no malloc or alloc_size attribute: those would let
 * the compiler assume that a program never reads the header before a payload.
 */

#ifndef OSMEM_H
#define OSMEM_H

/* In C, printf() becomes that of printf.h: printing inside an allocator must not allocate. */
#ifndef __cplusplus
#include "printf.h"
#endif

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define OSMEM_API __attribute__((visibility("default")))

/*
 * Allocates at least size usable bytes, uninitialised: on the heap at the program
 * break if payload and header are smaller than 128 KiB, else in a mapping (W1).
 * Returns NULL for size 0 and leaves errno alone (W4).
 */
OSMEM_API void *os_malloc(size_t size);

/*
 * Allocates nmemb * size bytes, all zero: on the heap if payload and header
 * are smaller than a page, else in a mapping (W2). Returns NULL if a factor is 0 (W4),
 * NULL with ENOMEM if the product overflows (W5).
 */
OSMEM_API void *os_calloc(size_t nmemb, size_t size);

/*
 * Resizes ptr's block to at least size bytes, in place where the contract allows,
 * and keeps its contents up to the smaller of the two sizes. ptr NULL: as
 * os_malloc(). size 0: as os_free(), returns NULL. Payload of a free block: returns
 * NULL and changes nothing (X2). On failure, returns NULL and leaves the old block
 * unchanged (B1).
 */
OSMEM_API void *os_realloc(void *ptr, size_t size);

/*
 * Frees a block: a heap block becomes free, a mapping is unmapped. Ignores NULL.
 * If the kernel refuses to unmap, the block stays live and errno is ENOMEM.
 */
OSMEM_API void os_free(void *ptr);

/*
 * Audits the heap, the index of free blocks and the mappings. Returns NULL if every
 * invariant holds, else the name of the first broken one. Takes time proportional to
 * the number of blocks: for tests and debugging.
 */
OSMEM_API const char *osmem_check(void);

struct block_meta;

/* Returns 0 to continue, anything else to stop the walk. Must not call os_*(). */
typedef int osmem_visit_fn(const struct block_meta *block, void *arg);

/*
 * Calls visit() for every block: the heap in address order, then the mappings in no
 * particular order. Returns the last result of visit(), 0 if there are no blocks.
 */
OSMEM_API int osmem_walk(osmem_visit_fn *visit, void *arg);

/* Returns the name and the version of the library, such as "osmem 0.2.0". */
OSMEM_API const char *osmem_version(void);

#ifdef __cplusplus
}
#endif

#endif
