/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Which heap a thread uses: its own from its first block to its end, or one that it borrows for a
 * call. What happens to heaps without a thread, and in a fork.
 */

#ifndef THREAD_H
#define THREAD_H

#include "heap.h"

/* All heaps; written with the lock. In a fork's child, also those of threads that are gone. */
extern struct heap *heap_all;

/* Sets central_secret if it is not set yet. */
void heap_prepare(void);

/* A slot of the class; NULL and ENOMEM. For the thread of the heap. */
void *heap_alloc_slow(struct heap *heap, unsigned int class);

/* Gives a slot of another thread's slab back. */
void heap_free_remote(struct slab *slab, void *slot);

/* Gives back the empty slabs of the calling thread's heap, and of heaps without a thread. */
void heap_tidy(void);

/* Calls visit for every heap whose thread has ended. The caller holds the lock. */
void heap_walk_idle(void (*visit)(const struct heap *heap, void *arg), void *arg);

#endif
