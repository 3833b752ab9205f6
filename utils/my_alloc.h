/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * my_alloc: four of the C malloc family under names of their own. The program's
 * malloc() stays what it is. Link libmy_alloc, or compile the file that `make -C
 * examples my_alloc` makes; docs/wrappers.md says what keeps each promise.
 *
 * Sizes are bytes; a block of n has n rounded up to a multiple of 8 and may
 * be written to its end. Any thread may call at any time and give back what another has
 * taken; nothing here may be called from a signal handler.
 *
 * Errors: NULL with errno = ENOMEM; errno is left alone otherwise. A pointer that is
 * not a live block of these functions writes one line to stderr, where freee() and
 * reall_oc() are called free() and realloc(), and aborts.
 */

#ifndef MY_ALLOC_H
#define MY_ALLOC_H

#include <stddef.h>
#include <sys/cdefs.h>

/* Settings, here or with -D. Each is what the program wants at least. */

/* Addresses are multiples of it, and the compiler is told so: 8 or 16. */
#ifndef ALIGNMENT
#define ALIGNMENT 16
#endif

/* Size classes with lists of their own: 1 to 64, which is what there always are. */
#ifndef NUM_CLASSES
#define NUM_CLASSES 10
#endif

/* 1: any number of threads. 0: one is enough; no lock is taken while there is one anyway. */
#ifndef THREAD_SAFE
#define THREAD_SAFE 1
#endif

#if ALIGNMENT + 0 != 8 && ALIGNMENT + 0 != 16
#error "my_alloc: ALIGNMENT must be 8 or 16"
#undef ALIGNMENT
#define ALIGNMENT 16	/* no errors that follow from the first */
#endif

#if NUM_CLASSES + 0 < 1 || NUM_CLASSES + 0 > 64
#error "my_alloc: NUM_CLASSES must be a number from 1 to 64"
#endif

/* A word such as yes is 0 to #if, so what seems to be 0 or 1 is made a part of a name. */
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

__BEGIN_DECLS

/* At least size bytes, not initialised; a block of its own for size 0 as well. */
MY_ALLOC_ALIGNED void *my_alloc(size_t size);

/* Gives a block back; NULL is ignored. */
void freee(void *ptr);

/* nelem * elsize bytes, all zero; NULL and ENOMEM when the product overflows. */
MY_ALLOC_ALIGNED void *call_oc(size_t nelem, size_t elsize);

/*
 * Makes ptr's block at least size bytes long, in place when it can be, and keeps its
 * contents up to the smaller of both sizes. ptr NULL: my_alloc(). size 0: freee(),
 * returns NULL. On failure NULL, and the old block is as it was.
 */
MY_ALLOC_ALIGNED void *reall_oc(void *ptr, size_t size);

__END_DECLS

#endif
