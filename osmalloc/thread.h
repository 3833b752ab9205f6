/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Which heap a thread uses: its own from its first block to its end, or one that it borrows for a
 * call. It borrows if its end would not be noticed: it is ending, or there is no thread key.
 */

#ifndef THREAD_H
#define THREAD_H

#include "heap.h"

/* A slot of the class; NULL with errno = ENOMEM on failure. heap: the calling thread's heap. */
void *thread_alloc(struct thread_heap *heap, unsigned int class);

/* Frees a slot of another thread's slab. */
void thread_free_remote(struct slab *slab, void *slot);

/* Closes the empty slabs of the calling thread's heap and of heaps without a thread. */
void thread_collect(void);

/* In the child of a fork, which may have interrupted the calling thread in its heap. */
void thread_in_child(void);

#endif
