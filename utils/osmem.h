/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The public interface of libosmem, the contract allocator.
 *
 * Sizes are bytes. Payloads are 8-aligned and preceded by a struct block_meta.
 * The exact behaviour, down to each system call, is docs/contract.md; numbers
 * such as W4 name its rules. Any thread may call at any time (B3); nothing
 * here may be called from a signal handler.
 *
 * Errors: NULL with errno = ENOMEM when memory is refused (W5, B1), NULL with
 * errno = EINVAL for os_realloc() of a pointer that is not a block's payload.
 * os_free() of such a pointer, and any call that meets an overwritten header,
 * writes one line to stderr and aborts (B4). errno is left alone on success.
 *
 * The prototypes carry no malloc or alloc_size attribute on purpose: programs
 * may read the header before a payload, which those would tell the compiler
 * never happens.
 */

#ifndef OSMEM_H
#define OSMEM_H

/* Debugging output from inside an allocator must not touch a heap: printf() is printf.h's in C. */
#ifndef __cplusplus
#include "printf.h"
#endif

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define OSMEM_API __attribute__((visibility("default")))

/*
 * At least size usable bytes, not initialised: from the heap on the program
 * break when they and the header stay below 128 KiB, else a mapping (W1).
 * NULL for size 0, without touching errno (W4).
 */
OSMEM_API void *os_malloc(size_t size);

/*
 * nmemb * size bytes, all zero; from the heap when they and the header stay
 * below a page, else a mapping (W2). NULL when a factor is 0 (W4); NULL and
 * ENOMEM when the product overflows (W5).
 */
OSMEM_API void *os_calloc(size_t nmemb, size_t size);

/*
 * Makes ptr's block at least size bytes long, in place when it can be, and
 * keeps its contents up to the smaller of both sizes. ptr NULL: os_malloc().
 * size 0: os_free(), returns NULL. A freed block's payload: NULL, nothing
 * changes (X2). On failure NULL, and the old block is as it was (B1).
 */
OSMEM_API void *os_realloc(void *ptr, size_t size);

/*
 * Gives a block back: a heap block becomes free, a mapping is unmapped. NULL
 * is ignored. Should the kernel refuse to unmap, the block stays live and
 * errno is ENOMEM.
 */
OSMEM_API void os_free(void *ptr);

/*
 * Audits the heap, the index of free blocks and the mappings. Returns NULL
 * when every invariant holds, else the name of the first broken one. Walks
 * everything: meant for tests and debugging.
 */
OSMEM_API const char *osmem_check(void);

struct block_meta;

/* Returns 0 to go on, anything else to stop the walk. Must not call os_*(). */
typedef int osmem_visit_fn(const struct block_meta *block, void *arg);

/*
 * Shows every block to visit(): the heap in address order, then the mappings
 * in no particular order. Returns what the last visit() returned, 0 if there
 * was none.
 */
OSMEM_API int osmem_walk(osmem_visit_fn *visit, void *arg);

#ifdef __cplusplus
}
#endif

#endif
