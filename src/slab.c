// SPDX-License-Identifier: BSD-3-Clause

#include "slab.h"

#include "meta.h"

#define SLOTS_WANTED	8		/* slots that a slab of large slots has */
#define CARVE_BYTES	4096		/* are carved at a time, or one slot */
#define DESCRIPTORS	64		/* are made at a time */

struct slab slab_gone;
uintptr_t slab_secret;

/* All descriptors, in blocks; an unused one has no start. */
struct block_of_slabs {
	struct block_of_slabs *next;
	struct slab slabs[DESCRIPTORS];
};

static struct block_of_slabs *blocks;
static struct slab *unused;

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
	/* Read once: the child of a fork in between has none (central.h). */
	struct slab *slab = __atomic_load_n(&unused, __ATOMIC_RELAXED);

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

struct slab *slab_single(uintptr_t start, size_t size)
{
	struct slab *slab = descriptor_take();

	if (!slab)
		return NULL;
	slab->start = start;
	slab->size = size;
	slab->inverse = 1;	/* only the start itself passes slab_has_slot() */
	slab->carved = 1;
	slab->capacity = 1;
	return slab;
}

/* Units of a slab of slots of this size: waste at its end stays under an eighth. */
static unsigned int units_for(size_t size)
{
	size_t bytes = size <= 1024 ? 64 * 1024 : SLOTS_WANTED * size;

	return (unsigned int)((bytes + UNIT - 1) / UNIT);
}

struct slab *slab_open(unsigned int class, struct heap *owner)
{
	size_t size = class_size(class);
	struct slab *slab = NULL;
	struct span span;

	central_take();
	span = span_take(units_for(size));
	if (span.start)
		slab = slab_single(span.start, size);
	if (slab) {
		slab->shift = (uint32_t)__builtin_ctzl(size);
		slab->inverse = inverse_of(size >> slab->shift);
		slab->carved = 0;
		slab->capacity = (uint32_t)(span.units * UNIT / size);
		slab->class = (uint8_t)class;
		slab->owner = owner;
		slab->span = span;
		pagemap_set(span.start, span.units * UNIT, slab);
	} else if (span.start) {
		span_give(span);
	}
	central_give();
	return slab;
}

void slab_close(struct slab *slab)
{
	struct span span = slab->span;

	central_take();
	pagemap_set(span.start, span.units * UNIT, &slab_gone);
	slab_forget(slab);
	span_give(span);
	central_give();
}

/* Slots */

void slab_collect(struct slab *slab)
{
	struct slot *slot;

	if (!__atomic_load_n(&slab->remote, __ATOMIC_RELAXED))
		return;
	slot = __atomic_exchange_n(&slab->remote, NULL, __ATOMIC_ACQUIRE);
	while (slot) {
		struct slot *next = slot->next;

		slot->next = slab->free;
		signal_fence();
		slab->free = slot;
		signal_fence();
		slab->countdown--;
		slot = next;
	}
}

/* Carves off some slots that were never used. The free list is empty. */
static void carve(struct slab *slab)
{
	uint32_t count = slab->size < CARVE_BYTES ? CARVE_BYTES / (uint32_t)slab->size : 1;
	struct slot *slot = (struct slot *)(slab->start + slab->carved * slab->size);
	struct slot *first = slot;

	if (count > slab->capacity - slab->carved)
		count = slab->capacity - slab->carved;
	for (uint32_t left = count; left; left--) {
		struct slot *next = (struct slot *)((uintptr_t)slot + slab->size);

		slot->mark = slot_mark(slot);
		slot->next = left > 1 ? next : NULL;
		slot = next;
	}
	/* Others look, while they free a slot that has long been carved. */
	__atomic_store_n(&slab->carved, slab->carved + count, __ATOMIC_RELAXED);
	signal_fence();
	slab->free = first;
}

bool slab_refill(struct slab *slab)
{
	if (!slab->free)
		slab_collect(slab);
	if (!slab->free && slab->carved < slab->capacity)
		carve(slab);
	return slab->free;
}

bool slab_push_remote(struct slab *slab, void *ptr)
{
	struct slot *slot = ptr;
	struct slot *first = __atomic_load_n(&slab->remote, __ATOMIC_RELAXED);
	bool mine = false;

	slot->mark = slot_mark(slot);
	do {
		/* While the slot is live, so is the slab; from then on mailed keeps it (heap.c). */
		if (first == SLAB_FULL && !mine)
			mine = !__atomic_exchange_n(&slab->mailed, true, __ATOMIC_RELAXED);
		slot->next = first == SLAB_FULL ? NULL : first;
	} while (!__atomic_compare_exchange_n(&slab->remote, &first, slot, true, __ATOMIC_RELEASE,
					      __ATOMIC_RELAXED));
	return mine;
}

bool slab_set_aside(struct slab *slab)
{
	struct slot *none = NULL;

	slab->countdown -= slab->kept;
	slab->kept = false;
	if (!__atomic_compare_exchange_n(&slab->remote, &none, SLAB_FULL, false, __ATOMIC_RELEASE,
					 __ATOMIC_RELAXED))
		return false;
	slab->full = true;
	slab->countdown = 1;
	return true;
}

void slab_take_back(struct slab *slab)
{
	struct slot *full = SLAB_FULL;

	/* Should others have been faster, their slots are collected like any. */
	__atomic_compare_exchange_n(&slab->remote, &full, NULL, false, __ATOMIC_RELAXED,
				    __ATOMIC_RELAXED);
	slab->full = false;
	slab->countdown = slab->capacity;
}

void slab_walk(void (*visit)(const struct slab *slab, void *arg), void *arg)
{
	for (const struct block_of_slabs *block = blocks; block; block = block->next)
		for (int i = 0; i < DESCRIPTORS; i++)
			if (block->slabs[i].start)
				visit(&block->slabs[i], arg);
}

void slab_abandon(void)
{
	blocks = NULL;
	unused = NULL;
}
