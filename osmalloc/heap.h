/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Heaps: a thread's slabs with free slots, by class. A heap has one thread, and
 * outlives it: the next thread that begins takes it over as it is, so a slab
 * never changes its owner. A thread whose end nobody would tell us of borrows one of those
 * without a thread for each call: one that is ending, or for which there is no thread key. A
 * thread may end unnoticed nevertheless, when its first block is of the last round of destructors:
 * the kernel notes that in a robust mutex (life), which others look at now and then.
 *
 * Other threads free into a slab (slab.h). When that slab was full, and so in no
 * list, they put it into the heap's mailbox, which the heap empties when it runs
 * out of slots. Should its thread sleep for long, they give slabs without a live
 * slot back themselves. Heaps without a thread are left as they are, if they are few, or
 * tidied: then every slab that has no live slot any more goes into the mailbox, and
 * a thread that needs memory, or sees many of them, gives them back.
 *
 * Invariants:
 *
 *  1. direct[i] is the first of the list of the class of i * GRAIN bytes, or
 *     slab_none where that list is empty.
 *  2. A slab is in its class's list exactly when it is not full, or else, if it is empty, it
 *     may be in its class's stock; stocked and stock.count are what is in there.
 *  3. At most one slab of a class is kept.
 *  4. The mailbox holds mailed slabs of this heap.
 *
 * And while threads are at work, which tests/model/remote.pml checks:
 *
 *  5. One thread at a time uses a heap: its own, or one that took it out of the list of those
 *     without a thread to tidy it, or found that its thread is no more and had not left it busy.
 *     While another one trims the heap (trim.h), its own only takes slots of first slabs and gives
 *     slots back. One thread at a time has the lock.
 *  6. In a heap that was tidied for long and is without a thread since, a slab without a live
 *     slot is in the mailbox, but see docs/internals/osmalloc.md, "What is missing".
 */

#ifndef HEAP_H
#define HEAP_H

#include <pthread.h>

#include "slab.h"

/* Bytes up to which a request's slab is looked up without computing its class. */
#define DIRECT_MOST	(HARDENED ? 0U : 1024U)

/*
 * Empty slabs of a class that are likely to be needed again, unchanged: as many as were
 * given back before and soon opened again. They are in no list.
 */
struct slab_cache {
	struct slab *first;
	uint32_t count;
	uint32_t most;
	uint32_t missed;	/* were given back since, and not opened anew */
};

struct heap {
	struct slab *direct[DIRECT_MOST / GRAIN + 1];
	struct slab *lists[ALL_CLASSES];
	struct slab_cache cache[ALL_CLASSES];
	size_t cached_units;		/* units in all of these */
	unsigned int last_shrunk;	/* the class whose stock was made smaller last */
	bool retains[ALL_CLASSES];	/* the class has a slab that is kept */
	bool filled[ALL_CLASSES];	/* it has had a slab without a free slot */
	uint32_t busy;		/* who is changing more than a free list: enum busy */
	bool parked;		/* has no thread */
	struct slab *pending __attribute__((aligned(64)));
	size_t empty_units;		/* units of slabs in it that have no live slot */
	struct heap *next_parked;	/* among those without a thread */
	struct heap *next_heap;	/* the next one of heap_all */
	pthread_mutex_t life;	/* its thread's, until that ends; with the lock */
	unsigned int process;	/* since whose beginning it is taken, as idle.c counts; 0: parked */
	unsigned int inherited;	/* so often its thread was gone in the child of a fork */
};

/* Its thread, or the one that tidies it; or a thread that trims it and holds the lock. */
enum busy { BUSY_NOBODY, BUSY_USER, BUSY_TRIMMED };

/* All heaps, of which there are heap_count; written with the lock. */
extern struct heap *heap_all;
extern size_t heap_count;

/* A new heap; NULL with errno = ENOMEM on failure. The lock must be held. */
struct heap *heap_make(void);

/* Makes heap_all that of mine (NULL: none) and of a list of parked ones, and forgets all others. */
void heap_forget(struct heap *mine, struct heap *parked);

/* The calling thread's heap; heap_none, which has no slots, before it has one. */
extern __thread struct heap *heap_mine __attribute__((tls_model("initial-exec")));
extern struct heap heap_none;

/* In heap->direct where a class has no slab: it has no slot. */
extern struct slab slab_none;

/*
 * Between heap_begin() and heap_finish() the heap is busy: other threads change only its free
 * lists, and one that trims heaps skips it. A function that needs this says so.
 */
void heap_begin(struct heap *heap);
void heap_finish(struct heap *heap);

/*
 * A slab of the class with a free slot, first in its list: one that the heap has, or a new one.
 * NULL, from the second with ENOMEM. The heap is busy.
 */
struct slab *heap_find_slab(struct heap *heap, unsigned int class);
struct slab *heap_open_slab(struct heap *heap, unsigned int class);

/* Handles a slab whose countdown reached zero: call it when slab_push() returns true. */
void heap_free_slow(struct heap *heap, struct slab *slab);

/* Puts a slab into the heap's mailbox. For the thread that slab_push_remote() tells to. */
void pending_add(struct heap *heap, struct slab *slab);

/*
 * The full slab has a free slot after all: its thread gave that back, and was gone, after a fork,
 * before it could say so. The calling thread has the heap for itself.
 */
void heap_reattach(struct heap *heap, struct slab *slab);

/* Looks after slabs into which others have freed since they were put aside. The heap is busy. */
void heap_collect_pending(struct heap *heap);

/* Gives back all empty slabs. The heap is busy. */
void heap_close_empty(struct heap *heap);

/* Gives back the slabs in the heap's mailbox that nobody uses. For any thread. */
void heap_close_pending(struct heap *heap);

/* Takes an empty slab out of a class's stock, NULL: there is none. For whom the heap is busy. */
struct slab *heap_cache_take(struct heap *heap, unsigned int class);

#endif
