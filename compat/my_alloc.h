/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * my_alloc: malloc(), free(), calloc() and realloc() under other names. It does not
 * replace the program's malloc(). Link with libmy_alloc, or compile the file that
 * `make -C examples my_alloc` writes; docs/wrappers.md says what keeps each promise.
 *
 * Sizes are in bytes. A block of size n has n rounded up to a multiple of 8 bytes, all
 * usable. Any thread may call these functions at any time and free any other thread's
 * blocks; a signal handler must not call them.
 *
 * Errors: NULL with errno = ENOMEM; otherwise errno does not change. If freee() or
 * reall_oc() gets a pointer that is not a live block of these functions, it writes one
 * line to stderr and aborts. That line calls them free() and realloc().
 */

#ifndef MY_ALLOC_H
#define MY_ALLOC_H

#include <stddef.h>

/* Settings, here or with -D. Each states the minimum that the program needs. */

/* 8 or 16. All addresses are multiples of it, and the compiler may rely on that. */
#ifndef ALIGNMENT
#define ALIGNMENT 16
#endif

/* Number of size classes with their own free lists, 1 to 64. There are always at least 64. */
#ifndef NUM_CLASSES
#define NUM_CLASSES 10
#endif

/* 1: any number of threads. 0: one. Both are thread-safe, and a single thread takes no lock. */
#ifndef THREAD_SAFE
#define THREAD_SAFE 1
#endif

#if ALIGNMENT + 0 != 8 && ALIGNMENT + 0 != 16
#error "my_alloc: ALIGNMENT must be 8 or 16"
#undef ALIGNMENT
#define ALIGNMENT 16	/* prevents further errors */
#endif

#if NUM_CLASSES + 0 < 1 || NUM_CLASSES + 0 > 64
#error "my_alloc: NUM_CLASSES must be a number from 1 to 64"
#endif

/* #if reads a word such as yes as 0, so the value is pasted into a name to tell them apart. */
#define MY_ALLOC_IS_0 1
#define MY_ALLOC_IS_1 1
#define MY_ALLOC_JOIN(a, b) a ## b
#define MY_ALLOC_IS(value) MY_ALLOC_JOIN(MY_ALLOC_IS_, value)
#if THREAD_SAFE + 0 < 0
#error "my_alloc: THREAD_SAFE must be 0 or 1"
#elif !MY_ALLOC_IS(THREAD_SAFE)
#error "my_alloc: THREAD_SAFE must be 0 or 1"
#endif

#define MY_ALLOC_ALIGNED __attribute__((assume_aligned(ALIGNMENT)))

#ifdef __cplusplus
extern "C" {
#endif

/* Allocates at least size bytes, uninitialised; a unique block for size 0 too. */
MY_ALLOC_ALIGNED void *my_alloc(size_t size);

/* Frees a block; ignores NULL. */
void freee(void *ptr);

/* Allocates nelem * elsize bytes, all zero; NULL and ENOMEM if the product overflows. */
MY_ALLOC_ALIGNED void *call_oc(size_t nelem, size_t elsize);

/*
 * Resizes ptr's block to at least size bytes, in place if possible, and keeps its contents up
 * to the smaller of the two sizes. ptr NULL: as my_alloc(). size 0: as freee(), returns NULL.
 * On failure, returns NULL and leaves the old block unchanged.
 */
MY_ALLOC_ALIGNED void *reall_oc(void *ptr, size_t size);

#ifdef __cplusplus
}
#endif

#endif
