/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Heaps: a thread's slabs, by class. A heap belongs to one thread at a time and outlives it: a
 * later thread takes it over as it is, so that a slab never changes its owner (idle.h). A thread
 * whose end the library would not notice borrows a parked heap for each call (thread.h).
 *
 * Slabs with free slots are in their class's list. Allocations use the first slab of the list until
 * it has no free slot; then it is detached, and is in no list until a slot of it is freed. Other
 * threads free slots as remote.h describes; the heap collects its pending-free queue when it runs
 * out of slots.
 *
 * Empty slabs: the first one of a class is retained, in its list. Others go into the class's
 * empty-slab cache, or are closed.
 *
 * Invariants (audit.h verifies the first four):
 *
 *  1. direct[i] is the first slab of the list of the class of i * GRAIN bytes, or slab_none if that
 *     list is empty.
 *  2. A slab is in its class's list exactly when it is not full, except that an empty one may be in
 *     its class's cache instead. cached_units and cache[].count are the totals of the caches.
 *  3. At most one slab of a class is retained, and retains[] says whether one is.
 *  4. The slabs in the pending-free queue belong to this heap and have queued set.
 *
 * And while threads are running, verified by tests/model/remote.pml:
 *
 *  5. One thread at a time uses a heap: the thread it belongs to, or one that took it out of the
 *     list of parked heaps, or that found its thread gone and the heap not busy. While another
 *     thread trims the heap (trim.h), its own thread only takes slots of the first slabs of lists,
 *     and frees slots. One thread at a time holds the lock.
 *  6. In a heap that was parked after a full collection, each slab without a live slot is in the
 *     pending-free queue, with exceptions (docs/internals/osmalloc.md, "What is missing").
 */

#ifndef HEAP_H
#define HEAP_H

#include <pthread.h>

#include "remote.h"

/* Bytes up to which a request's slab is looked up without computing its class. */
#define DIRECT_MOST	(LINKED_MOST ? 1024U : 0U)

/*
 * A class's empty-slab cache. It holds as many empty slabs as the class recently closed and soon
 * had to open again: closed slabs are counted in missed, and a slab that is opened while missed is
 * not 0 makes room for one more.
 */
struct slab_cache {
	struct slab *first;	/* linked by next */
	uint32_t count;
	uint32_t most;
	uint32_t missed;	/* slabs closed that were not opened again yet */
};

struct thread_heap {
	struct slab *direct[DIRECT_MOST / GRAIN + 1];
	struct slab *lists[ALL_CLASSES];
	struct slab_cache cache[ALL_CLASSES];
	size_t cached_units;		/* in all caches */
	unsigned int last_shrunk;	/* the class whose cache was last made smaller */
	bool retains[ALL_CLASSES];	/* the class has a retained slab */
	bool filled[ALL_CLASSES];	/* the class has had a full slab */
	uint32_t busy;			/* enum busy: who changes more than free slots */
	bool parked;			/* in the list of heaps without a thread (idle.c) */
	struct pending_queue pending __attribute__((aligned(64)));	/* by other threads */
	struct thread_heap *next_parked;
	struct thread_heap *next_heap;		/* in heap_all */
	pthread_mutex_t life;		/* its thread takes it under the lock, and holds it */
	unsigned int process;		/* idle.c's number of the process that uses it; 0: parked */
	unsigned int inherited;		/* times that its thread was gone in the child of a fork */
};

/* Nobody; its own thread, or one that collects it; a thread that trims it and holds the lock. */
enum busy { BUSY_NOBODY, BUSY_USER, BUSY_TRIMMED };

/* All heaps, and their number; written under the lock. */
extern struct thread_heap *heap_all;
extern size_t heap_count;

/* A new heap; NULL with ENOMEM. The lock must be held. */
struct thread_heap *heap_make(void);

/* Reduces heap_all to mine (NULL: none) and a list of parked heaps. The lock must be held. */
void heap_forget(struct thread_heap *mine, struct thread_heap *parked);

/* The calling thread's heap; heap_none, which has no slots, before it has one. */
extern __thread struct thread_heap *heap_mine __attribute__((tls_model("initial-exec")));
extern struct thread_heap heap_none;

/* The slab in heap->direct of a class without slabs: it has no slot. */
extern struct slab slab_none;

/*
 * Between heap_begin() and heap_finish() the heap is busy: other threads only add to its slabs'
 * remote free lists and to its pending-free queue, and no thread trims it. The functions below need
 * a busy heap where they say so.
 */
void heap_begin(struct thread_heap *heap);
void heap_finish(struct thread_heap *heap);

/*
 * A slab of the class that has a free slot and is the first in its list: one that the heap has, or
 * a new one. NULL from the first: there is none; from the second: no memory (ENOMEM). The heap
 * must be busy.
 */
struct slab *heap_find_slab(struct thread_heap *heap, unsigned int class);
struct slab *heap_open_slab(struct thread_heap *heap, unsigned int class);

/* Handles a slab whose countdown reached zero: call it when slab_push() returns true. */
void heap_free_slow(struct thread_heap *heap, struct slab *slab);

/*
 * Puts a full slab with a free slot back into its list: the slot was freed by a thread that did not
 * survive a fork, before it could do so. The calling thread must be the only user of the heap.
 */
void heap_reattach(struct thread_heap *heap, struct slab *slab);

/* Collects the slabs in the pending-free queue. The heap must be busy. */
void heap_collect_pending(struct thread_heap *heap);

/* Closes all empty slabs. The heap must be busy. */
void heap_close_empty(struct thread_heap *heap);

/* Takes a slab out of a class's empty-slab cache; NULL: there is none. The heap must be busy. */
struct slab *heap_cache_take(struct thread_heap *heap, unsigned int class);

#endif
