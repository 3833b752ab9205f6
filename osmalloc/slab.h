/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Slabs: spans cut into equal slots. The descriptor, struct slab, lies apart from the slots. A
 * block is a slot without a header. A block too large for a class is the only slot of a slab of
 * its own (large.h).
 *
 * A slab of the default build with slots of at most LINKED_MOST bytes links its free slots: each
 * holds a pointer to the next one and a cookie. The cookie is computed from the slot's address,
 * that pointer and the slab's key. It tells a free slot from a live one, and a free slot that was
 * written to from one that was not. All other slabs have a bitmap of free slots in the descriptor,
 * one bit a slot, and nothing is written into a free slot.
 *
 * The slots behind the extent were never used and are not free yet: slab_extend() adds one page
 * or a few at a time, so that no page is touched before it is needed.
 *
 * Ownership: a slab belongs to one heap (heap.h) and never changes its owner. Only the thread that
 * has the heap takes slots and writes the fields of the first cache line. Other threads free a slot
 * by adding it to remote (remote.h); they write remote, queued and next_pending. What they read
 * beside these is constant while a slot is live, or accessed with atomic operations: extent,
 * free_bitmap, quarantine, countdown, awaited and detachments.
 *
 * Invariants (audit.h verifies the first four):
 *
 *  1. extent <= capacity, and capacity slots fit into the span.
 *  2. The list of free slots holds different slots below extent whose cookies are intact.
 *     free_bitmap and quarantine have bits of slots below extent only, and none in common.
 *  3. Of a listed slab, countdown = live slots + (retained ? 1 : 0), where slots in remote count as
 *     live; of a full slab it is 1. In a heap whose thread did not survive a fork and was inside
 *     malloc() or free() at that time, the sum over all slabs may be one more.
 *  4. A full slab has extent == capacity and no slot that is free to the owner; it is detached:
 *     detachments is odd, and either remote has REMOTE_NOTIFY_NEXT or queued is set. Of a listed
 *     slab detachments is even, and remote has no REMOTE_NOTIFY_NEXT; queued may be set.
 *
 * And while threads are running, verified by tests/model/remote.pml:
 *
 *  5. When a slab is closed it has no live slot, is in no list and no pending-free queue, and no
 *     thread is about to use it: queued is clear, or the closing thread took it out of the queue.
 *  6. A slot below extent is live, free to the owner, or in remote, and only one of these. A slab
 *     without a live slot is closed no later than when its owner collects its pending-free queue.
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

struct thread_heap;

/* Bytes of the largest slots that are linked while free. */
#define LINKED_MOST	(QUARANTINE ? 0U : 4096U)

#define LINKED_LENGTH	(64UL * 1024)	/* the most bytes of a slab with such slots */

#define BITMAP_SLOTS	62U	/* the most slots of a slab with a bitmap */

/* A free slot of a slab that links them. */
struct slot {
	struct slot *next;
	uintptr_t cookie;	/* slot_cookie(); 0 in a slot that was just allocated */
};

struct __attribute__((aligned(64))) slab {
	/* Read by malloc() and free(), written by the owner. */
	uintptr_t start;	/* the first slot */
	uint64_t inverse;	/* of the slot size's odd part, modulo 2^64 */
	struct thread_heap *owner;	/* NULL: a large block */
	uintptr_t key;		/* random, new in every life of the slab: for cookies */
	union {			/* slots to allocate: */
		struct slot *free;	/* linked, or */
		uint64_t free_bitmap;	/* bit n: slot n */
	};
	size_t size;		/* bytes of a slot */
	uint32_t extent;	/* slots below it have been used or are free; only grows */
	uint32_t countdown;	/* frees by the owner until one needs heap_free_slow() */
	uint32_t capacity;	/* slots */
	uint8_t shift;		/* log2 of the slot size's even part */
	uint8_t class;
	bool full;		/* has no free slot and is in no list */
	bool retained;		/* was empty, and stays in its list; or a cached mapping */

	/* Other threads write remote, next_pending and queued, and read the others (remote.h). */
	uint64_t remote __attribute__((aligned(64)));	/* the remote free list */
	struct slab *next_pending;	/* in the owner's pending-free queue */
	uint32_t awaited;	/* number of slots that remote holds once none is live */
	uint32_t detachments;	/* odd while the slab is detached; only grows */
	uint32_t queued;	/* in the queue, or about to be; riscv64 swaps no single bytes */

	/* Written by the owner, or under the lock. */
	bool used_before;	/* the span was not zero when it was allocated */
	uint32_t units;		/* of the span; of the guard behind a large block's mapping */
	struct chunk *chunk;	/* of the span; NULL: a large block with a mapping of its own */
	uint64_t quarantine;	/* hardened: freed slots, unused until free_bitmap is empty */
	struct slab *next;	/* in the heap's list of slabs with free slots */
	union {
		struct slab *prev;	/* of the first one: the last */
		size_t asked;	/* a large block with room to grow: its last realloc() size */
	};
};

_Static_assert(offsetof(struct slab, remote) == 64, "malloc and free read one cache line");

/* The page map leads here from units whose slab was closed, until they are used again. */
extern struct slab slab_closed;

/*
 * What a cookie is computed from. A program may copy bytes that it never set, cookies among them,
 * and none of them may make a live slot look free. A cookie of another slot of the same slab
 * decodes to no address in the slab, since the slot's address is shifted by 16 bits. A cookie of
 * an earlier life of the memory, or of another slab, was made with another key: it decodes to an
 * address in the slab, or to NULL, with a probability of 2^-46.
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

/* Reports a write after free in one line on standard error, and aborts. */
void __attribute__((cold, noreturn)) slot_report(const struct slot *slot);

/* The number of the slot that begins at ptr; extent or more if no slot in use begins there. */
static inline uint64_t slab_index(const struct slab *slab, const void *ptr)
{
	uint64_t product = ((uintptr_t)ptr - slab->start) * slab->inverse;

	/* An exact division: of any other number the result is huge (Hacker's Delight, 10-17). */
	return product >> slab->shift | product << (-slab->shift & 63);
}

static inline bool slab_has_slot(const struct slab *slab, const void *ptr)
{
	return slab_index(slab, ptr) < __atomic_load_n(&slab->extent, __ATOMIC_RELAXED);
}

/* Whether the slots cannot be accessed (CLASS_EMPTY). */
static inline bool slab_is_hidden(const struct slab *slab)
{
	return HIDDEN_CLASSES && slab->class == CLASS_EMPTY;
}

/* Whether a slot is free to the owner. */
static inline bool slab_has_free(const struct slab *slab)
{
	return slab->free_bitmap;	/* or slab->free, in the same place */
}

static inline bool slab_is_linked(const struct slab *slab)
{
	return slab->size <= LINKED_MOST;
}

/* Whether the cookie is that of a free slot, even if its link was overwritten since. */
static inline bool slot_has_cookie(const struct slab *slab, const struct slot *slot)
{
	uintptr_t next = slot_key(slab, slot) - slot->cookie;

	return next - slab->start < LINKED_LENGTH || !next;
}

/*
 * Takes the first free slot; NULL if it was written to. There must be one. Here and below, the
 * order of the steps ensures that a fork in a signal handler finds no count that is too low.
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

/* The same where the slab has a bitmap: the lowest slot, or a random one (RANDOM_SLOTS). */
static inline void *slab_pick(struct slab *slab)
{
	uint64_t free_bitmap = slab->free_bitmap;
	unsigned int slot = RANDOM_SLOTS ? harden_choose(free_bitmap) :
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
 * Counts one live slot less; true: none is left, as far as the owner knows. The release pairs with
 * remote_is_unused(): a thread that trims the heap (trim.c) and reads the new countdown also sees
 * what the owner did before.
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

/* The owner frees a slot; true: call heap_free_slow(). */
static inline bool slab_push(struct slab *slab, void *ptr)
{
	if (likely(slab_is_linked(slab))) {
		slot_link(slab, ptr, slab->free);
		signal_fence();
		slab->free = ptr;
	} else {
		uint64_t *free = QUARANTINE ? &slab->quarantine : &slab->free_bitmap;
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
 * A new slab of the class for the heap; NULL with ENOMEM. filled: all its slots are likely to be
 * used. Takes the lock.
 */
struct slab *slab_open(unsigned int class, struct thread_heap *owner, bool filled);

/* Frees the slab's span and descriptor; true as span_give(). Takes the lock. */
bool slab_close(struct slab *slab);

/* The same. The lock must be held. */
bool slab_close_locked(struct slab *slab);

/*
 * A descriptor of one slot of size bytes that is not in the page map yet; NULL with ENOMEM. The
 * lock must be held.
 */
struct slab *slab_single(struct span span, size_t size);

/* Frees a descriptor whose pages are not in the page map. The lock must be held. */
void slab_forget(struct slab *slab);

/* Adds some slots behind the extent to the free slots. No slot must be free to the owner. */
void slab_extend(struct slab *slab);

/* The slot after slot in a list of free ones. Does not return if either was overwritten. */
struct slot *slot_next(const struct slab *slab, const struct slot *slot);

/* The number of slots that are free to the owner. Counts linked ones one by one. */
uint32_t slab_count_free(const struct slab *slab);

/* Calls visit for every descriptor that is in use. The lock must be held. */
void slab_walk(void (*visit)(const struct slab *slab, void *arg), void *arg);

/* The number of live slots, where those in remote count as live. */
static inline size_t slab_live(const struct slab *slab)
{
	return slab->full ? slab->capacity : slab->countdown - slab->retained;
}

#endif
