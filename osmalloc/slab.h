/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Slabs: spans cut into equal slots, with their descriptors kept elsewhere. A
 * block is a slot without a header. A block too large for a class is the only
 * slot of a slab of its own (large.h).
 *
 * Slots are carved off the span a few at a time, so that no page is touched
 * before it is needed. Small free slots are linked: each holds the link to the
 * next and a mark, made of its address, the link and the slab's key, that tells it
 * from a live one, and from one that was written to since it was given back. Slots over
 * LINKED_MOST bytes are mapped: a bit each in the descriptor says which are free, and
 * nothing is written into them.
 *
 * Who owns what: a slab belongs to one heap (heap.h), whose thread alone takes
 * slots and writes all fields but remote, mailed and mail. Any other thread gives
 * a slot back by pushing it on remote.
 *
 * Invariants:
 *
 *  1. carved <= capacity, and the slots fit in the span.
 *  2. The free list holds carved, marked, different slots; vacant and resting have bits of
 *     carved slots only, and none in common.
 *  3. Of a listed slab, countdown = live slots + (kept ? 1 : 0), where those that
 *     wait on remote still count as live; of a full one it is 1. In a heap whose thread was gone
 *     after a fork, in the middle of malloc() or free(), the sum of all may be one more.
 *  4. Of a full slab all slots are carved and none is free to the owner; REMOTE_FIRST is in
 *     remote, or mailed is set; aside is odd. Neither REMOTE_FIRST nor that is so of another.
 *
 * And while threads are at work, which tests/model/remote.pml checks:
 *
 *  5. A slab that is given back has no live slot, is in no list or mailbox, and no thread
 *     is going to use it: mailed is not set, or who took it out of the mailbox gives it back.
 *  6. A carved slot is live, free to the owner, or in remote, and only one of these. A slab
 *     without a live slot is given back as soon as its owner reads its mail and tidies.
 */

#ifndef SLAB_H
#define SLAB_H

#include <stdbool.h>
#include <stddef.h>

#include "harden.h"
#include "lock.h"
#include "pagemap.h"
#include "sizeclass.h"
#include "span.h"

struct heap;

/* Bytes of the largest slots that are linked while free. */
#define LINKED_MOST	(HARDENED ? 0U : 4096U)

#define LINKED_LENGTH	(64UL * 1024)	/* bytes of a slab with such slots, at most */

#define MAPPED_SLOTS	62U	/* of a slab whose free slots are bits, at most */

/* A linked free slot. */
struct slot {
	struct slot *next;
	uintptr_t cookie;		/* slot_mark(), unless it was just handed out */
};

struct __attribute__((aligned(64))) slab {
	/* What malloc and free read. */
	uintptr_t start;	/* the first slot */
	uint64_t inverse;	/* of the slot size's odd part, modulo 2^64 */
	struct heap *owner;	/* NULL: a large block */
	uintptr_t key;		/* random, another one in every life of the slab: for marks */
	union {			/* slots to hand out: */
		struct slot *free;	/* linked, or */
		uint64_t free_bitmap;	/* mapped: bit n for slot n */
	};
	size_t size;		/* bytes of a slot */
	uint32_t extent;	/* slots that have been handed out or are in a list; only grows */
	uint32_t countdown;	/* frees by the owner until one needs heap_free_slow() */
	uint32_t capacity;	/* slots */
	uint8_t shift;		/* log2 of the slot size's even part */
	uint8_t class;
	bool full;		/* has no free slot and is in no list */
	bool retained;		/* empty, or a freed mapping, but to be used again */

	/* What other threads write. */
	uint64_t remote __attribute__((aligned(64)));	/* the same of what they gave back */
	struct slab *next_pending;	/* the next one in the owner's mailbox */
	uint32_t awaited;		/* with REMOTE_LAST: slots in remote when none is live */
	uint32_t detachments;		/* odd while the slab is aside; only grows */
	uint32_t queued;	/* is in the mailbox; riscv64 exchanges no single bytes */

	bool used_before;	/* as allocated, the span may have held something */
	uint32_t units;		/* of the span, or of the guard behind a mapping */
	struct chunk *chunk;	/* of the span; NULL: a large block with a mapping of its own */
	uint64_t quarantine;	/* hardened: like vacant, but not before vacant is used up */
	struct slab *next;	/* in the heap's list of slabs with free slots */
	union {
		struct slab *prev;	/* of the first: the last */
		size_t asked;	/* a large block with room to grow: the last realloc() */
	};
};

_Static_assert(offsetof(struct slab, remote) == 64, "malloc and free read one cache line");

/*
 * In remote, beside slots: flags that say that the thread that gives back the next
 * slot, or the last live one, has to tell the owner; and how many slots are linked
 * there. While the first flag is set, no slot is linked, and the lower bits hold
 * slab->aside: a thread that saw the slab aside at an earlier time must not take
 * this time for that one.
 */
#define REMOTE_NOTIFY_NEXT	(1UL << 63)
#define REMOTE_NOTIFY_LAST	(1UL << 62)
#define REMOTE_ONE	(1UL << 48)	/* bits 48 to 61; addresses are below */

/* What pages of a slab that is no more have in the page map, until used again. */
extern struct slab slab_closed;

/*
 * What a mark is made of. A program may copy marks along with bytes that it never set, and none
 * of them may make a live slot look free. One from another slot of the same slab decodes to no
 * address in the slab, because the slot's address is shifted by 16 bits. One from an earlier life
 * of the memory, or from another slab, was made with another key: it decodes to an address in the
 * slab, or to NULL, once in 2^46.
 */
static inline uintptr_t slot_key(const struct slab *slab, const struct slot *slot)
{
	return (uintptr_t)slot << 16 ^ slab->key;
}

static inline uintptr_t slot_cookie(const struct slab *slab, const struct slot *slot)
{
	return slot_key(slab, slot) - (uintptr_t)slot->next;
}

static inline bool slot_is_intact(const struct slab *slab, const struct slot *slot)
{
	return slot->cookie == slot_cookie(slab, slot);
}

static inline void slot_link(const struct slab *slab, struct slot *slot, struct slot *next)
{
	slot->next = next;
	slot->cookie = slot_cookie(slab, slot);
}

/* B4 for the production allocator: one line, and the end. */
void __attribute__((cold, noreturn)) slot_report(const struct slot *slot);

/* Which slot begins at ptr; not below carved if none that was ever handed out does. */
static inline uint64_t slab_index(const struct slab *slab, const void *ptr)
{
	uint64_t product = ((uintptr_t)ptr - slab->start) * slab->inverse;

	/* An exact division; what it does not divide becomes huge (Hacker's Delight, 10-17). */
	return product >> slab->shift | product << (-slab->shift & 63);
}

static inline bool slab_has_slot(const struct slab *slab, const void *ptr)
{
	return slab_index(slab, ptr) < __atomic_load_n(&slab->extent, __ATOMIC_RELAXED);
}

/* Whether the slots cannot be touched (CLASS_EMPTY). */
static inline bool slab_is_hidden(const struct slab *slab)
{
	return HARDENED && slab->class == CLASS_EMPTY;
}

static inline bool slab_is_linked(const struct slab *slab)
{
	return slab->size <= LINKED_MOST;
}

/* Whether the mark is that of a free slot, whatever was written to the link since. */
static inline bool slot_has_cookie(const struct slab *slab, const struct slot *slot)
{
	uintptr_t next = slot_key(slab, slot) - slot->cookie;

	return next - slab->start < LINKED_LENGTH || !next;
}

static inline bool slab_slot_is_free(const struct slab *slab, const void *ptr)
{
	uint64_t bits;

	if (likely(slab_is_linked(slab)))
		return slot_has_cookie(slab, ptr);
	bits = __atomic_load_n(&slab->remote, __ATOMIC_RELAXED);
	bits = bits & REMOTE_NOTIFY_NEXT ? 0 : bits;
	bits |= __atomic_load_n(&slab->free_bitmap, __ATOMIC_RELAXED);
	if (HARDENED)
		bits |= __atomic_load_n(&slab->quarantine, __ATOMIC_RELAXED);
	return bits >> slab_index(slab, ptr) & 1;
}

/*
 * Takes the first free slot, which there is; NULL if it was written to. Here and below,
 * things are done in an order in which a fork in a signal handler finds nothing counted too low.
 */
static inline void *slab_pop(struct slab *slab)
{
	struct slot *slot = slab->free;
	struct slot *next = slot->next;

	if (unlikely(!slot_is_intact(slab, slot)))
		return NULL;
	slab->countdown++;
	signal_fence();
	slab->free = next;
	slot->cookie = 0;
	return slot;
}

/* The same where slots are mapped: the lowest. */
static inline void *slab_pick(struct slab *slab)
{
	uint64_t free_bitmap = slab->free_bitmap;
	unsigned int slot = HARDENED ? harden_choose(free_bitmap) :
				       (unsigned int)__builtin_ctzl(free_bitmap);

	slab->countdown++;
	signal_fence();
	__atomic_store_n(&slab->free_bitmap, free_bitmap & ~(1UL << slot), __ATOMIC_RELAXED);
	return (void *)(slab->start + slot * slab->size);
}

static inline void *slab_take(struct slab *slab)
{
	return likely(slab_is_linked(slab)) ? slab_pop(slab) : slab_pick(slab);
}

/*
 * One live slot less, as far as the owner knows; true: there is none. A thread that trims the heap
 * (trim.c) finds what was done before when it reads the new countdown.
 */
static inline bool slab_count_down(struct slab *slab)
{
#ifdef THREAD_SANITIZER
	return __atomic_sub_fetch(&slab->countdown, 1, __ATOMIC_RELEASE) == 0;
#else
	/* Nobody else writes it, so no atomic instruction is needed. */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	return --slab->countdown == 0;
#endif
}

/* The owner gives a slot back; true: heap_free_slow() is due. */
static inline bool slab_push(struct slab *slab, void *ptr)
{
	if (likely(slab_is_linked(slab))) {
		slot_link(slab, ptr, slab->free);
		signal_fence();
		slab->free = ptr;
	} else {
		uint64_t *free = HARDENED ? &slab->quarantine : &slab->free_bitmap;
		uint64_t slot = 1UL << slab_index(slab, ptr);

		__atomic_store_n(free, *free | slot, __ATOMIC_RELAXED);
	}
	return slab_count_down(slab);
}

/* Adds a slab at the end of a list; true: it is the first. */
static inline bool slab_append(struct slab **list, struct slab *slab)
{
	struct slab *first = *list;

	slab->next = NULL;
	slab->prev = slab;
	if (!first) {
		*list = slab;
		return true;
	}
	slab->prev = first->prev;
	slab->prev->next = slab;
	first->prev = slab;
	return false;
}

/* Removes a slab from its list; true: it was the first. */
static inline bool slab_remove(struct slab **list, struct slab *slab)
{
	struct slab *first = *list;

	if (slab->next)
		slab->next->prev = slab->prev;
	else
		first->prev = slab->prev;
	if (slab != first) {
		slab->prev->next = slab->next;
		return false;
	}
	*list = slab->next;
	return true;
}

static inline struct span slab_span(const struct slab *slab)
{
	return (struct span){ slab->start, slab->units, false, slab->chunk };
}

/*
 * A slab of that class for the heap; filled: all its slots are likely to be used. NULL
 * and ENOMEM. Takes the lock.
 */
struct slab *slab_open(unsigned int class, struct heap *owner, bool filled);

/* Gives the slab's span back; true as span_give(). Takes the lock. */
bool slab_close(struct slab *slab);

/* The same; the caller holds the lock. */
bool slab_close_locked(struct slab *slab);

/* A descriptor of one slot of size bytes, not in the page map yet. The caller holds the lock. */
struct slab *slab_single(struct span span, size_t size);

/* Gives back a descriptor whose pages are not in the page map. The caller holds the lock. */
void slab_forget(struct slab *slab);

/* Has free slots ready if it can: what others gave back, else fresh ones. False: all are live. */
bool slab_refill(struct slab *slab);

/* Puts the slots that other threads gave back into the free list of a slab that is not full. */
void slab_collect(struct slab *slab);

/* What follows when another thread has given a slot back; both if it was the only one. */
#define NOTIFY_QUEUE	1U	/* the slab is to be put into its owner's mailbox */
#define NOTIFY_EMPTY	2U	/* it is there, or will be, and has no live slot any more */

/* Another thread gives a slot back: what follows. */
unsigned int slab_push_remote(struct slab *slab, void *ptr);

/*
 * Whether the slab, which is out of its owner's mailbox, was put aside and has no
 * live slot any more. Its owner does not know of it then, and anybody may close it.
 */
bool slab_is_closable(const struct slab *slab);

/*
 * Whether a listed slab has no live slot and its owner is not about to look at it. For a thread
 * that trims the heap, and only if the owner takes no slots of the slab meanwhile.
 */
bool slab_is_unused(const struct slab *slab);

/* The owner will not look at the slab, which has live slots, before the last of them is free. */
void slab_notify_last(struct slab *slab);

/* Puts the full slab aside; false: there are slots after all. */
bool slab_detach(struct slab *slab);

/* The slab was put aside and no longer is; all its slots count as live. */
void slab_reattach(struct slab *slab);

/* How many slots are free to the owner. Those that are linked are counted one by one. */
uint32_t slab_count_free(const struct slab *slab);

/* Calls visit for every descriptor that is in use. The caller holds the lock. */
void slab_walk(void (*visit)(const struct slab *slab, void *arg), void *arg);

/* Live slots, where those in remote count as live. */
static inline size_t slab_live(const struct slab *slab)
{
	return slab->full ? slab->capacity : slab->countdown - slab->retained;
}

/* How many slots are in remote. */
static inline size_t slab_waiting(const struct slab *slab, uint64_t remote)
{
	uint64_t slots = remote;

	if (REMOTE_NOTIFY_NEXT & remote)
		return 0;
	slots &= ~REMOTE_NOTIFY_LAST;
	return slab_is_linked(slab) ? slots / REMOTE_ONE : (size_t)__builtin_popcountl(slots);
}

#endif
