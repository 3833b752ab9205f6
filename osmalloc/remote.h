/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Remote frees: how a thread frees a slot of a slab that belongs to another thread's heap, and who
 * may close such a slab. tests/model/remote.pml models this file.
 *
 * A slab's word `remote` is its remote free list. Other threads add slots to it by
 * compare-and-swap; the owner takes all of them by an exchange (remote_collect). It has one of
 * these layouts:
 *
 *      63     62     61 ........ 48 47 .......................... 0
 *    +------+------+---------------+------------------------------+
 *    | NEXT | LAST |     count     |    address of a free slot    |  slots are linked
 *    +------+------+---------------+------------------------------+
 *    | NEXT | LAST |       bit n: slot n is free                  |  slab with a bitmap
 *    +------+------+----------------------------------------------+
 *    |  1   | LAST |       slab->detachments                      |  detached, none freed yet
 *    +------+------+----------------------------------------------+
 *
 *    NEXT  REMOTE_NOTIFY_NEXT: the next thread that frees a slot has to queue the slab
 *    LAST  REMOTE_NOTIFY_LAST: so has the thread that frees the last live slot
 *
 * A slab without a free slot is detached: it leaves its heap's list, and the owner does not look at
 * it until a thread that frees one of its slots puts it into the heap's pending-free queue. While
 * NEXT is set, no slot is in remote; the number of detachments in its place keeps a thread that
 * read the word at an earlier detachment from taking that one for this one (the ABA problem).
 *
 * A detached slab without a live slot belongs to nobody: its owner does not know of it, and no
 * thread has a reason to come back to it. So any thread may take it out of the queue and close it,
 * for instance because the owner sleeps.
 *
 * Memory order: a free is a release, paired with the acquire of the owner's exchange and of
 * remote_is_closable(). queued is set before the slot is added, that is, while the slot is live
 * and keeps the slab open; the owner never closes a slab with queued set, and clears it (a
 * release, paired with the acquire in remote_push()) when it has attached the slab again. A queue
 * is pushed by a release and taken as a whole by an acquire.
 */

#ifndef REMOTE_H
#define REMOTE_H

#include "slab.h"

#define REMOTE_NOTIFY_NEXT	(1UL << 63)
#define REMOTE_NOTIFY_LAST	(1UL << 62)
#define REMOTE_ONE		(1UL << 48)	/* one more slot in the count */

/* A heap's pending-free queue: slabs into which other threads freed slots. */
struct pending_queue {
	struct slab *first;
	size_t empty_units;	/* units of slabs in it that have no live slot */
};

/* The number of slots in a value of remote. */
static inline size_t remote_count(const struct slab *slab, uint64_t remote)
{
	uint64_t slots = remote;

	if (REMOTE_NOTIFY_NEXT & remote)
		return 0;
	slots &= ~REMOTE_NOTIFY_LAST;
	return slab_is_linked(slab) ? slots / REMOTE_ONE : (size_t)__builtin_popcountl(slots);
}

/* Whether the slot that begins at ptr is free, to the owner or in remote. */
static inline bool slab_slot_is_free(const struct slab *slab, const void *ptr)
{
	uint64_t bits;

	if (likely(slab_is_linked(slab)))
		return slot_has_cookie(slab, ptr);
	bits = __atomic_load_n(&slab->remote, __ATOMIC_RELAXED);
	bits = bits & REMOTE_NOTIFY_NEXT ? 0 : bits;
	bits |= __atomic_load_n(&slab->free_bitmap, __ATOMIC_RELAXED);
	if (QUARANTINE)
		bits |= __atomic_load_n(&slab->quarantine, __ATOMIC_RELAXED);
	return bits >> slab_index(slab, ptr) & 1;
}

/* What remote_push() asks of its caller; both if the slot was the only live one. */
#define NOTIFY_QUEUE	1U	/* put the slab into its owner's queue: pending_add() */
#define NOTIFY_EMPTY	2U	/* it is in the queue, or will be, and has no live slot */

/* Frees a slot of another thread's slab; what the caller has to do: NOTIFY_*, or 0. */
unsigned int remote_push(struct slab *slab, void *ptr);

/* Moves the slots in remote to the free slots of a slab that is not full. For the owner. */
void remote_collect(struct slab *slab);

/* Detaches the full slab; false: other threads have freed slots of it. For the owner. */
bool remote_detach(struct slab *slab);

/* Ends a detachment; all slots count as live. For the owner. */
void remote_reattach(struct slab *slab);

/*
 * Collects, and asks to be notified when the last live slot is freed: until then the owner does not
 * look at the slab. For the owner.
 */
void remote_notify_last(struct slab *slab);

/*
 * Whether the slab, which the calling thread took out of a queue, is detached and has no live slot,
 * so that the calling thread may close it.
 */
bool remote_is_closable(const struct slab *slab);

/*
 * Whether a listed slab has no live slot and its owner is not about to look at it. For a thread
 * that trims the heap, and only while the owner takes no slots of the slab.
 */
bool remote_is_unused(const struct slab *slab);

/* Whether the slab is in a queue, or about to be: then only collecting the queue may close it. */
static inline bool remote_is_queued(const struct slab *slab)
{
	return __atomic_load_n(&slab->queued, __ATOMIC_RELAXED);
}

/* Adds a slab to a queue. For the thread that remote_push() told so, or that took it out. */
void pending_add(struct pending_queue *queue, struct slab *slab);

/* Takes all slabs out of a queue; the first of them, linked by next_pending. */
struct slab *pending_take(struct pending_queue *queue);

/* Closes the detached slabs in a queue that have no live slot. For any thread. */
void pending_close_empty(struct pending_queue *queue);

#endif
