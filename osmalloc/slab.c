// SPDX-License-Identifier: BSD-3-Clause

#include "slab.h"

#include "check.h"
#include "meta.h"
#include "secret.h"

/* Slots up to TINY_MOST bytes: so many are wanted in a slab, of at least so many bytes. */
#define TINY_MOST	1024U
#define TINY_WANTED	64
#define TINY_LEAST	(16UL * 1024)

/*
 * Larger ones: the same, and a slab's bytes at most. With 4 MiB, they are seldom full, which
 * saves a sixth of the time (mixed in bench/), and seldom empty: what threads leave behind that
 * come, allocate some blocks of 100 KiB and go would be three times as much.
 */
#define SLOTS_WANTED	16
#define SLAB_LEAST	(64UL * 1024)
#define SLAB_MOST	(1024UL * 1024)

/* These are in units of the smallest page; a larger one is touched by several carvings. */
#define DENSE_MOST	4096U		/* bytes of slots of which a slab has no untouched page */
#define EXTEND_BYTES	4096U		/* are carved at a time, or one slot */
#define EXTEND_BYTES_USED	(4 * EXTEND_BYTES)	/* the same where there are pages already */
#define DESCRIPTORS	64		/* are made at a time */

struct slab slab_closed;

/* All descriptors, in blocks; an unused one has no start. */
struct block_of_slabs {
	struct block_of_slabs *next;
	struct slab slabs[DESCRIPTORS];
};

static struct block_of_slabs *blocks;
static struct slab *unused;

/* Starts without descriptors in a new generation (lock.h). */
static void descriptors_renew(void)
{
	static unsigned int generation;

	if (!lock_has_new_generation(&generation))
		return;
	blocks = NULL;
	unused = NULL;
}

/* The first of more unused descriptors; NULL and ENOMEM. */
static struct slab *descriptors_make(void)
{
	struct block_of_slabs *block = meta_alloc(sizeof(*block));

	if (!block)
		return NULL;
	block->next = blocks;
	blocks = block;
	for (int i = 0; i < DESCRIPTORS - 1; i++)
		block->slabs[i].next = &block->slabs[i + 1];
	return block->slabs;
}

static struct slab *descriptor_take(void)
{
	struct slab *slab;

	descriptors_renew();
	/* Read once: the child of a fork in between has none (lock.h). */
	slab = __atomic_load_n(&unused, __ATOMIC_RELAXED);
	if (!slab) {
		slab = descriptors_make();
		if (!slab)
			return NULL;
	}
	unused = slab->next;
	*slab = (struct slab){ .start = 0 };
	return slab;
}

void slab_forget(struct slab *slab)
{
	descriptors_renew();
	*slab = (struct slab){ .next = unused };
	unused = slab;
}

/* The inverse of an odd number modulo 2^64 (Newton; each step doubles the correct bits). */
static uint64_t inverse_of(uint64_t odd)
{
	uint64_t inverse = odd * 3 ^ 2;

	for (int bits = 5; bits < 64; bits *= 2)
		inverse *= 2 - odd * inverse;
	return inverse;
}

struct slab *slab_single(struct span span, size_t size)
{
	struct slab *slab = descriptor_take();

	if (!slab)
		return NULL;
	slab->start = span.start;
	slab->units = span.units;
	slab->chunk = span.chunk;
	slab->used_before = !span.clean;
	slab->size = size;
	slab->inverse = 1;	/* only the start itself passes slab_has_slot() */
	slab->extent = 1;
	slab->capacity = 1;
	return slab;
}

/* Units of a slab of slots of this size. */
static unsigned int units_for(size_t size)
{
	size_t least = size <= TINY_MOST ? TINY_LEAST : SLAB_LEAST;
	size_t bytes = size * (size <= TINY_MOST ? TINY_WANTED : SLOTS_WANTED);

	if (bytes > SLAB_MOST)
		bytes = SLAB_MOST;
	return units_of(bytes > least ? bytes : least);
}

/* A whole slab's slots, as far as MAPPED_SLOTS bits go. */
static uint32_t capacity_for(struct span span, size_t size)
{
	uint32_t slots = (uint32_t)(span.units * UNIT / size);

	return size > LINKED_MOST && slots > MAPPED_SLOTS ? MAPPED_SLOTS : slots;
}

/*
 * The key of a new slab (splitmix64, by Steele, Lea and Flood). The highest and the lowest bit
 * are set, so that a mark of 0 decodes neither to NULL nor to an address.
 */
static uintptr_t key_make(void)
{
	static uint64_t state;
	uint64_t key;

	state += 0x9e3779b97f4a7c15;
	key = state ^ secret;
	key = (key ^ key >> 30) * 0xbf58476d1ce4e5b9;
	key = (key ^ key >> 27) * 0x94d049bb133111eb;
	return (key ^ key >> 31) | 1 | 1UL << 63;
}

struct slab *slab_open(unsigned int class, struct heap *owner, bool filled)
{
	size_t size = class < CLASSES ? class_size(class) : GRAIN;
	bool dense = filled && size <= DENSE_MOST && !HARDENED;
	struct slab *slab = NULL;
	struct span span;

	lock_take();
	span = span_take(units_for(size), dense);
	/* Where there is not so much, one slot is better than none. */
	if (!span.start)
		span = span_take(units_of(size), dense);
	if (span.start)
		slab = slab_single(span, size);
	if (slab) {
		slab->shift = (uint8_t)__builtin_ctzl(size);
		slab->inverse = inverse_of(size >> slab->shift);
		slab->extent = 0;
		slab->capacity = capacity_for(span, size);
		slab->class = (uint8_t)class;
		slab->owner = owner;
		slab->key = key_make();
		if (slab_is_hidden(slab))
			slab->used_before = !span_hide(span);
		pagemap_set(span.start, span.units * UNIT, slab);
	} else if (span.start) {
		span_give(span);
	}
	lock_give();
	return slab;
}

bool slab_close_locked(struct slab *slab)
{
	struct span span = slab_span(slab);

	span.clean = slab_is_hidden(slab) && !slab->used_before;
	pagemap_set(span.start, span.units * UNIT, &slab_closed);
	slab_forget(slab);
	return span_give(span);
}

bool slab_close(struct slab *slab)
{
	bool purged;

	lock_take();
	purged = slab_close_locked(slab);
	lock_give();
	return purged;
}

/* Slots */

void slot_report(const struct slot *slot)
{
	check_report("malloc", "write after free", slot);
}

/* The next free slot. Does not return if the link, or the mark, was overwritten. */
static struct slot *slot_next(const struct slab *slab, const struct slot *slot)
{
	if (unlikely(!slot_is_intact(slab, slot)))
		slot_report(slot);
	return slot->next;
}

/* What remote holds where slots are linked. */
static struct slot *linked_in(uint64_t remote)
{
	return (struct slot *)(remote & (REMOTE_ONE - 1));
}

/* Puts what remote held in front of the free slots. */
static void collect_linked(struct slab *slab, uint64_t given)
{
	struct slot *last = linked_in(given);

	if (!last)
		return;
	/* To walk the list is to wait for lines that other processors wrote. */
	for (struct slot *next = last; slab->free && next; next = slot_next(slab, last))
		last = next;
	if (slab->free)
		slot_link(slab, last, slab->free);
	signal_fence();
	slab->free = linked_in(given);
	signal_fence();
	slab->countdown -= (uint32_t)slab_waiting(slab, given);
}

void slab_collect(struct slab *slab)
{
	uint64_t given;

	if (!__atomic_load_n(&slab->remote, __ATOMIC_RELAXED))
		return;
	given = __atomic_exchange_n(&slab->remote, 0, __ATOMIC_ACQUIRE);
	if (slab_is_linked(slab)) {
		collect_linked(slab, given);
		return;
	}
	given &= ~REMOTE_NOTIFY_LAST;
	__atomic_store_n(&slab->free_bitmap, slab->free_bitmap | given, __ATOMIC_RELAXED);
	signal_fence();
	slab->countdown -= (uint32_t)__builtin_popcountl(given);
}

/* A list of so many slots that were never used. */
static struct slot *extend_linked(const struct slab *slab, uint32_t count)
{
	struct slot *first = (struct slot *)(slab->start + slab->extent * slab->size);
	struct slot *slot = first;

	for (; count; count--) {
		struct slot *next = (struct slot *)((uintptr_t)slot + slab->size);

		slot_link(slab, slot, count > 1 ? next : NULL);
		slot = next;
	}
	return first;
}

/* Carves off some slots that were never used. None is free. */
static void extend(struct slab *slab)
{
	size_t bytes = slab->used_before ? EXTEND_BYTES_USED : EXTEND_BYTES;
	uint32_t count = slab->size < bytes ? (uint32_t)(bytes / slab->size) : 1;
	uint32_t extent = slab->extent;
	struct slot *first = NULL;

	/* Among many, a random choice says something. */
	if (HARDENED || count > slab->capacity - extent)
		count = slab->capacity - extent;
	if (slab_is_linked(slab))
		first = extend_linked(slab, count);
	/* Others look, while they free a slot that has long been carved. */
	__atomic_store_n(&slab->extent, extent + count, __ATOMIC_RELAXED);
	signal_fence();
	if (HARDENED && slab->used_before && !slab_is_hidden(slab))
		for (uint32_t slot = extent; slot < extent + count; slot++)
			harden_give((void *)(slab->start + slot * slab->size), slab->size);
	if (first)
		slab->free = first;
	else
		__atomic_store_n(&slab->free_bitmap, ((1UL << count) - 1) << extent, __ATOMIC_RELAXED);
}

bool slab_refill(struct slab *slab)
{
	if (HARDENED && !slab->free_bitmap) {
		uint64_t rested = slab->quarantine;

		__atomic_store_n(&slab->quarantine, 0, __ATOMIC_RELAXED);
		__atomic_store_n(&slab->free_bitmap, rested, __ATOMIC_RELAXED);
	}
	if (!slab->free_bitmap)
		slab_collect(slab);
	if (!slab->free_bitmap && slab->extent < slab->capacity)
		extend(slab);
	return slab->free_bitmap;
}

/* What remote is to become when the slot is added to what is there. */
static uint64_t remote_with(const struct slab *slab, uint64_t before, struct slot *slot)
{
	if (before & REMOTE_NOTIFY_NEXT)
		before &= REMOTE_NOTIFY_LAST;
	if (!slab_is_linked(slab))
		return before | 1UL << slab_index(slab, slot);
	slot_link(slab, slot, linked_in(before));
	return (before & -REMOTE_ONE) + REMOTE_ONE + (uintptr_t)slot;
}

/* Whether with these slots in remote none is live any more, and somebody waits for that. */
static bool is_last(const struct slab *slab, uint64_t remote)
{
	return remote & REMOTE_NOTIFY_LAST && slab_waiting(slab, remote) ==
	       __atomic_load_n(&slab->awaited, __ATOMIC_RELAXED);
}

unsigned int slab_push_remote(struct slab *slab, void *ptr)
{
	struct slot *slot = ptr;
	uint64_t before = __atomic_load_n(&slab->remote, __ATOMIC_ACQUIRE);
	uint64_t after;
	bool last;
	bool mine = false;

	do {
		after = remote_with(slab, before, slot);
		last = is_last(slab, after);
		/* While the slot is live, so is the slab; from then on mailed keeps it (heap.c). */
		if (!mine && (before & REMOTE_NOTIFY_NEXT || last))
			mine = !__atomic_exchange_n(&slab->queued, true, __ATOMIC_ACQUIRE);
	} while (!__atomic_compare_exchange_n(&slab->remote, &before, after, true,
					      __ATOMIC_RELEASE, __ATOMIC_ACQUIRE));
	return (mine ? NOTIFY_QUEUE : 0) | (last ? NOTIFY_EMPTY : 0);
}

bool slab_is_closable(const struct slab *slab)
{
	uint32_t detachments = __atomic_load_n(&slab->detachments, __ATOMIC_ACQUIRE);
	/* Pairs with the release of the thread that gave the last slot back. */
	uint64_t remote = __atomic_load_n(&slab->remote, __ATOMIC_ACQUIRE);

	/* Had the owner had it meanwhile, remote could be of that time, and out of date. */
	return detachments & 1 && remote & REMOTE_NOTIFY_LAST &&
	       slab_waiting(slab, remote) == slab->capacity &&
	       __atomic_load_n(&slab->detachments, __ATOMIC_RELAXED) == detachments;
}

bool slab_is_unused(const struct slab *slab)
{
	/* In this order: slots only come into remote, and the countdown only goes down. */
	uint64_t remote = __atomic_load_n(&slab->remote, __ATOMIC_ACQUIRE);
	uint32_t countdown = __atomic_load_n(&slab->countdown, __ATOMIC_ACQUIRE);

	/* At 0, the owner is on its way to heap_free_slow(). */
	return countdown && countdown == slab_waiting(slab, remote) + slab->retained &&
	       !__atomic_load_n(&slab->queued, __ATOMIC_RELAXED);
}

void slab_notify_last(struct slab *slab)
{
	uint64_t none;
	uint32_t live;

	do {
		slab_collect(slab);
		live = (uint32_t)slab_live(slab);
		__atomic_store_n(&slab->awaited, live, __ATOMIC_RELAXED);
		none = 0;
	} while (live && !__atomic_compare_exchange_n(&slab->remote, &none, REMOTE_NOTIFY_LAST, true,
						      __ATOMIC_RELEASE, __ATOMIC_RELAXED));
}

static void count_detachment(struct slab *slab)
{
	__atomic_store_n(&slab->detachments, slab->detachments + 1, __ATOMIC_RELEASE);
}

/* What remote holds from when the slab is put aside until somebody gives a slot back. */
static uint64_t detached_word(const struct slab *slab)
{
	return REMOTE_NOTIFY_NEXT | REMOTE_NOTIFY_LAST | slab->detachments;
}

bool slab_detach(struct slab *slab)
{
	uint64_t none = 0;

	count_detachment(slab);
	slab->retained = false;
	slab->full = true;
	slab->countdown = 1;
	__atomic_store_n(&slab->awaited, slab->capacity, __ATOMIC_RELAXED);
	if (__atomic_compare_exchange_n(&slab->remote, &none, detached_word(slab), false,
					__ATOMIC_RELEASE, __ATOMIC_RELAXED))
		return true;
	count_detachment(slab);
	slab->full = false;
	slab->countdown = slab->capacity;
	return false;
}

void slab_reattach(struct slab *slab)
{
	uint64_t detachments = detached_word(slab);

	/* Should others have been faster, their slots are collected like any. */
	__atomic_compare_exchange_n(&slab->remote, &detachments, 0, false, __ATOMIC_RELAXED,
				    __ATOMIC_RELAXED);
	count_detachment(slab);
	slab->full = false;
	slab->countdown = slab->capacity;
}

uint32_t slab_count_free(const struct slab *slab)
{
	uint32_t count = 0;

	if (!slab_is_linked(slab))
		return (uint32_t)__builtin_popcountl(slab->free_bitmap | slab->quarantine);
	for (const struct slot *slot = slab->free; slot; slot = slot_next(slab, slot))
		count++;
	return count;
}

void slab_walk(void (*visit)(const struct slab *slab, void *arg), void *arg)
{
	descriptors_renew();
	for (const struct block_of_slabs *block = blocks; block; block = block->next)
		for (int i = 0; i < DESCRIPTORS; i++)
			if (block->slabs[i].start)
				visit(&block->slabs[i], arg);
}
