/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Slabs: spans cut into equal slots, with their descriptors kept elsewhere. A
 * block is a slot without a header. A block too large for a class is the only
 * slot of a slab of its own (large.h).
 *
 * Slots are carved off the span a few at a time, so that no page is touched
 * before it is needed. A free slot holds the link to the next and a mark, made of
 * its address and the process's secret, that tells it from a live one.
 *
 * Who owns what: a slab belongs to one heap (heap.h), whose thread alone takes
 * slots and reads or writes all fields but remote, mailed and mail. Any other
 * thread gives a slot back by pushing it on remote.
 *
 * Invariants:
 *
 *  1. carved <= capacity, and the slots fit in the span.
 *  2. The free list holds carved, marked, different slots.
 *  3. Of a listed slab, countdown = live slots + (kept ? 1 : 0), where those that
 *     wait on remote still count as live; of a full one it is 1.
 */

#ifndef SLAB_H
#define SLAB_H

#include <stdbool.h>

#include "central.h"
#include "pagemap.h"
#include "sizeclass.h"
#include "span.h"

struct heap;

/* A free slot. */
struct slot {
	struct slot *next;
	uintptr_t mark;		/* slot_mark() */
};

struct __attribute__((aligned(64))) slab {
	/* What malloc and free read. */
	uintptr_t start;	/* the first slot */
	uint64_t inverse;	/* of the slot size's odd part, modulo 2^64 */
	uint32_t shift;		/* log2 of its even part */
	uint32_t carved;	/* slots that have been handed out or are in a list; only grows */
	struct heap *owner;	/* NULL: a large block */
	struct slot *free;	/* slots to hand out */
	uint32_t countdown;	/* frees by the owner until one needs slab_free_slow() */
	uint32_t capacity;	/* slots */
	size_t size;		/* bytes of a slot */
	uint8_t class;
	bool full;		/* has no free slot and is in no list */
	bool kept;		/* empty, but to be used again */

	/* What other threads write. */
	struct slot *remote __attribute__((aligned(64)));	/* SLAB_FULL: tell the owner */
	struct slab *mail;	/* the next one in the owner's mailbox */
	bool mailed;		/* is in the mailbox */

	struct slab *next;	/* in the heap's list of slabs with free slots */
	struct slab *prev;
	struct span span;
	size_t length;		/* of a large block: bytes of its mapping, 0 if in a span */
};

/* On remote of a slab that its owner has put aside: the first to free has to say so. */
#define SLAB_FULL	((struct slot *)1)

/* What pages of a slab that is no more have in the page map, until used again. */
extern struct slab slab_gone;

/* Mixed into the marks. */
extern uintptr_t slab_secret;

static inline uintptr_t slot_mark(const void *slot)
{
	return (uintptr_t)slot ^ slab_secret;
}

/* Whether ptr is where a slot that was ever handed out begins. */
static inline bool slab_has_slot(const struct slab *slab, const void *ptr)
{
	uint64_t product = ((uintptr_t)ptr - slab->start) * slab->inverse;

	/* An exact division; what it does not divide becomes huge (Hacker's Delight, 10-17). */
	return (product >> slab->shift | product << (-slab->shift & 63)) <
	       __atomic_load_n(&slab->carved, __ATOMIC_RELAXED);
}

static inline bool slot_is_free(const void *slot)
{
	return ((const struct slot *)slot)->mark == slot_mark(slot);
}

/* Takes the first free slot, which there is. */
static inline void *slab_pop(struct slab *slab)
{
	struct slot *slot = slab->free;

	/* In this order, so that a fork in a signal handler finds nothing counted too low. */
	slab->countdown++;
	signal_fence();
	slab->free = slot->next;
	slot->mark = 0;
	return slot;
}

/* The owner gives a slot back; true: slab_free_slow() is due. */
static inline bool slab_push(struct slab *slab, void *ptr)
{
	struct slot *slot = ptr;

	slot->mark = slot_mark(slot);
	slot->next = slab->free;
	signal_fence();
	slab->free = slot;
	signal_fence();
	return --slab->countdown == 0;
}

/* A slab of that class for the heap; NULL and ENOMEM. Takes the lock. */
struct slab *slab_open(unsigned int class, struct heap *owner);

/* Gives the slab's span back. Takes the lock. */
void slab_close(struct slab *slab);

/* A descriptor of one slot of size bytes at start, not in the page map yet. Wants the lock. */
struct slab *slab_single(uintptr_t start, size_t size);

/* Gives a descriptor back whose pages are no longer in the page map. Wants the lock. */
void slab_forget(struct slab *slab);

/* Has free slots ready if it can: what others gave back, else fresh ones. False: all are live. */
bool slab_refill(struct slab *slab);

/* Puts the slots that other threads gave back into the free list of a slab that is not full. */
void slab_collect(struct slab *slab);

/* Another thread gives a slot back; true: the slab is to be put into its owner's mailbox. */
bool slab_push_remote(struct slab *slab, void *ptr);

/* Puts the full slab aside; false: there are slots after all. */
bool slab_set_aside(struct slab *slab);

/* The slab was put aside and no longer is; all its slots count as live. */
void slab_take_back(struct slab *slab);

/* Calls visit for every descriptor that is in use. Wants the lock. */
void slab_walk(void (*visit)(const struct slab *slab, void *arg), void *arg);

/* Live slots as far as the owner knows. */
static inline size_t slab_live(const struct slab *slab)
{
	return slab->full ? slab->capacity : slab->countdown - slab->kept;
}

/* Begins anew and leaves all descriptors as they are: for the child of a fork (central.h). */
void slab_abandon(void);

#endif
