// SPDX-License-Identifier: BSD-3-Clause

#include "slab.h"

#include "check.h"
#include "meta.h"
#include "secret.h"

/* A slab of slots up to TINY_MOST bytes: the number of slots, and the least bytes of a slab. */
#define TINY_MOST	1024U
#define TINY_WANTED	64
#define TINY_LEAST	(16UL * 1024)

/*
 * The same for larger slots, and the most bytes of a slab. Slabs of 4 MiB would rarely be full,
 * which saves a sixth of the time in the row "mixed" of bench/, but also rarely be empty: threads
 * that start, allocate some blocks of 100 KiB and end would leave three times as much behind.
 */
#define SLOTS_WANTED	16
#define SLAB_LEAST	(64UL * 1024)
#define SLAB_MOST	(1024UL * 1024)

/* These assume pages of 4 KiB; a larger page is touched by several extensions. */
#define DENSE_MOST	(GUARD_UNITS ? 0U : 4096U)	/* larger slots may leave pages untouched */
#define EXTEND_BYTES	4096U		/* added at a time, at least one slot */
#define EXTEND_BYTES_USED	(4 * EXTEND_BYTES)	/* the same where the span may have pages */
#define DESCRIPTORS	64		/* allocated at a time */

struct slab slab_closed;

/* All descriptors, in blocks; start is 0 in an unused one. */
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

/* Allocates descriptors; the first of them, NULL with ENOMEM. */
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
	/* Read once: a fork in between leaves the child without any (lock.h). */
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

/* The units of a slab with slots of this size. */
static unsigned int units_for(size_t size)
{
	size_t least = size <= TINY_MOST ? TINY_LEAST : SLAB_LEAST;
	size_t bytes = size * (size <= TINY_MOST ? TINY_WANTED : SLOTS_WANTED);

	if (bytes > SLAB_MOST)
		bytes = SLAB_MOST;
	return units_of(bytes > least ? bytes : least);
}

/* The number of slots of a slab, at most BITMAP_SLOTS where it has a bitmap. */
static uint32_t capacity_for(struct span span, size_t size)
{
	uint32_t slots = (uint32_t)(span.units * UNIT / size);

	return size > LINKED_MOST && slots > BITMAP_SLOTS ? BITMAP_SLOTS : slots;
}

/*
 * The key of a new slab (splitmix64, by Steele, Lea and Flood). Its lowest bit is set, and its
 * highest one is not bit 47 of the slab's addresses: so slot_key() has both bits set, and a cookie
 * of 0 decodes neither to NULL nor to an address.
 */
static uintptr_t key_make(uintptr_t start)
{
	uintptr_t highest = 1UL << 63;
	static uint64_t state;
	uint64_t key;

	state += 0x9e3779b97f4a7c15;
	key = state ^ secret;
	key = (key ^ key >> 30) * 0xbf58476d1ce4e5b9;
	key = (key ^ key >> 27) * 0x94d049bb133111eb;
	key ^= key >> 31;
	return (key & ~highest) | (~start << 16 & highest) | 1;
}

struct slab *slab_open(unsigned int class, struct thread_heap *owner, bool filled)
{
	size_t size = class < CLASSES ? class_size(class) : GRAIN;
	bool dense = filled && size <= DENSE_MOST;
	struct slab *slab = NULL;
	struct span span;

	lock_take();
	span = span_take(units_for(size), dense);
	/* If there is too little memory for that: one slot. */
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
		slab->key = key_make(span.start);
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

struct slot *slot_next(const struct slab *slab, const struct slot *slot)
{
	if (unlikely(!slot_is_intact(slab, slot)))
		slot_report(slot);
	return slot->next;
}

/* Links count slots behind the extent; the first of them. */
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

void slab_extend(struct slab *slab)
{
	size_t bytes = slab->used_before ? EXTEND_BYTES_USED : EXTEND_BYTES;
	uint32_t count = slab->size < bytes ? (uint32_t)(bytes / slab->size) : 1;
	uint32_t extent = slab->extent;
	struct slot *first = NULL;

	/* A random choice among all slots is worth more than one among a page's. */
	if (RANDOM_SLOTS || count > slab->capacity - extent)
		count = slab->capacity - extent;
	if (slab_is_linked(slab))
		first = extend_linked(slab, count);
	/* Other threads read it when they free a slot, which has long been below it. */
	__atomic_store_n(&slab->extent, extent + count, __ATOMIC_RELAXED);
	signal_fence();
	if (CANARY && slab->used_before && !slab_is_hidden(slab))
		for (uint32_t slot = extent; slot < extent + count; slot++)
			harden_give((void *)(slab->start + slot * slab->size), slab->size);
	if (first)
		slab->free = first;
	else
		__atomic_store_n(&slab->free_bitmap, ((1UL << count) - 1) << extent,
				 __ATOMIC_RELAXED);
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
