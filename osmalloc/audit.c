// SPDX-License-Identifier: BSD-3-Clause

#include "audit.h"

#include "check.h"
#include "lock.h"
#include "os.h"
#include "idle.h"

/* An audit's findings so far. */
struct audit {
	const char *fault;
	const void *where;
	size_t used;			/* units in the spans of all slabs */
	const struct thread_heap *heap;	/* whose slabs are counted: */
	size_t listed;			/* slabs that are not full, by their descriptors */
	size_t excess;			/* slots that countdowns count as live and are not */
};

/* Records the fault if it is the first and the condition is false; returns the condition. */
static bool holds(struct audit *audit, bool condition, const char *fault, const void *where)
{
	if (!condition && !audit->fault) {
		audit->fault = fault;
		audit->where = where;
	}
	return condition;
}

/* The hardened build's blocks */

/*
 * A block that is being allocated or freed has no canary. With other threads, one of them may be
 * writing it at this moment, so it is not checked.
 */
static void check_live(struct audit *audit, const void *ptr, size_t size)
{
	if (CANARY && os_single_threaded())
		holds(audit, harden_is_intact(ptr, size) || harden_is_bare(ptr, size),
		      "harden 1: canary", ptr);
}

static void check_free(struct audit *audit, const void *ptr, size_t size)
{
	if (CANARY)
		holds(audit, harden_is_clear(ptr, size), "harden 2: write after free", ptr);
}

/* Checks all slots below the extent; those whose bits are set are free. */
static void check_slots(struct audit *audit, const struct slab *slab, uint64_t free)
{
	if (!CANARY || slab_is_hidden(slab))
		return;
	for (uint32_t slot = 0; !audit->fault && slot < slab->extent; slot++) {
		const void *ptr = (const void *)(slab->start + slot * slab->size);

		(free >> slot & 1 ? check_free : check_live)(audit, ptr, slab->size);
	}
}

/* Descriptors and the page map, which do not change while the lock is held */

static bool unit_used(const struct chunk *chunk, uintptr_t address)
{
	size_t unit = (address - chunk->start) / UNIT;

	return unit < chunk->units && bit_get(chunk->used, (unsigned int)unit);
}

static void check_span(struct audit *audit, const struct slab *slab)
{
	uintptr_t end = slab->start + slab->units * UNIT;
	const struct slab *found;

	audit->used += slab->units;
	for (uintptr_t unit = slab->start; unit < end; unit += UNIT) {
		holds(audit, unit_used(slab->chunk, unit), "span 4: unit of a slab not in use",
		      slab);
		found = pagemap_get((const void *)unit);
		holds(audit, found == slab || (!slab->owner && unit != slab->start &&
					       (!found || found == &slab_closed)),
		      "span 4: page map of a slab", slab);
	}
}

static void check_mapping(struct audit *audit, const struct slab *slab)
{
	const struct slab *entered = slab->retained ? &slab_closed : slab;

	if (holds(audit, pagemap_get((const void *)slab->start) == entered &&
		  slab->size % UNIT == 0, "slab 1: mapping of a large block", slab) &&
	    !slab->retained)
		check_live(audit, (const void *)slab->start, slab->size);
}

static void check_descriptor(const struct slab *slab, void *arg)
{
	struct audit *audit = arg;
	uint32_t extent = __atomic_load_n(&slab->extent, __ATOMIC_RELAXED);

	holds(audit, extent <= slab->capacity, "slab 1: extent beyond the capacity", slab);
	if (!slab->chunk) {
		check_mapping(audit, slab);
		return;
	}
	holds(audit, slab->capacity * slab->size <= slab->units * UNIT,
	      "slab 1: slots outside the span", slab);
	check_span(audit, slab);
	if (slab->owner && slab->owner == audit->heap)
		audit->listed += !slab->full;
}

/* Slabs of a heap that no other thread changes */

/* The length of a list of free slots; more than the capacity if the list is circular. */
static uint32_t count_linked(struct audit *audit, const struct slab *slab, const struct slot *slot)
{
	uint32_t count = 0;

	for (; slot && count <= slab->capacity; slot = slot->next, count++)
		if (!holds(audit, slab_has_slot(slab, slot) && slot_is_intact(slab, slot),
			   "slab 2: not a free slot in a list", slab))
			break;
	return count;
}

static uint64_t remote_of(const struct slab *slab)
{
	return __atomic_load_n(&slab->remote, __ATOMIC_ACQUIRE);
}

/* The number of slots in a value of free, free_bitmap, quarantine or remote. */
static uint32_t count_free(struct audit *audit, const struct slab *slab, uint64_t from)
{
	uint64_t slots = from & REMOTE_NOTIFY_NEXT ? 0 : from & ~REMOTE_NOTIFY_LAST;

	if (slab_is_linked(slab))
		return count_linked(audit, slab,
				    (const struct slot *)(slots & (REMOTE_ONE - 1)));
	holds(audit, slots >> slab->extent == 0, "slab 2: free slot beyond the extent", slab);
	return (uint32_t)__builtin_popcountl(slots);
}

/* Meanwhile other threads may free slots, in front of those that are seen here. */
static void check_listed(struct audit *audit, const struct slab *slab)
{
	uint64_t others = remote_of(slab);
	uint32_t remote = count_free(audit, slab, others);
	uint32_t free = count_free(audit, slab, slab->free_bitmap) +
			count_free(audit, slab, slab->quarantine);

	holds(audit, free + remote <= slab->extent &&
	      (slab_is_linked(slab) || !(others & (slab->free_bitmap | slab->quarantine))) &&
	      !(slab->free_bitmap & slab->quarantine),
	      "slab 2: a slot freed twice", slab);
	audit->excess += slab->countdown - (slab->extent - free + slab->retained);
	holds(audit, audit->excess <= slab->owner->inherited, "slab 3: countdown", slab);
	holds(audit, !(others & REMOTE_NOTIFY_NEXT) && !(slab->detachments & 1),
	      "slab 4: listed, but detached", slab);
	check_slots(audit, slab, others | slab->free_bitmap | slab->quarantine);
}

/* A full slab is in no list: checks it by its descriptor alone. */
static void check_full(const struct slab *slab, void *arg)
{
	struct audit *audit = arg;
	uint64_t remote;
	bool queued;

	if (!slab->owner || slab->owner != audit->heap || !slab->full)
		return;
	holds(audit, slab->extent == slab->capacity && !slab->free_bitmap && !slab->quarantine &&
	      !slab->retained && slab->detachments & 1,
	      "slab 4: full, not all live", slab);
	holds(audit, slab->countdown == 1, "slab 3: countdown of a full slab", slab);
	remote = remote_of(slab);
	queued = __atomic_load_n(&slab->queued, __ATOMIC_RELAXED);
	holds(audit, remote & REMOTE_NOTIFY_NEXT || queued,
	      "slab 4: full, freed into, and not queued", slab);
	count_free(audit, slab, remote);
	check_slots(audit, slab, remote & REMOTE_NOTIFY_NEXT ? 0 : remote);
}

/* The number of slabs in the list of a class. */
static size_t check_list(struct audit *audit, const struct thread_heap *heap, unsigned int class)
{
	const struct slab *first = heap->lists[class];
	const struct slab *before = first ? first->prev : NULL;
	size_t length = 0, retained = 0;

	for (const struct slab *slab = first; slab; slab = slab->next) {
		if (!holds(audit, slab->owner == heap && slab->class == class && !slab->full &&
			   slab->prev == before, "heap 2: list of a class", slab))
			break;
		check_listed(audit, slab);
		before = slab;
		retained += slab->retained;
		length++;
	}
	holds(audit, !first || first->prev == before, "heap 2: last of a class", heap);
	holds(audit, retained == heap->retains[class], "heap 3: retained slabs of a class", heap);
	return length;
}

/* The units of slabs in a class's cache; adds the number of its slabs to listed. */
static size_t check_cache(struct audit *audit, const struct thread_heap *heap, unsigned int class,
			  size_t *listed)
{
	const struct slab_cache *cache = &heap->cache[class];
	size_t units = 0;
	uint32_t count = 0;

	for (const struct slab *slab = cache->first; slab; slab = slab->next, count++) {
		if (!holds(audit, slab->owner == heap && slab->class == class && !slab->full &&
			   !slab->retained && count < cache->count,
			   "heap 2: cache of a class", slab))
			break;
		check_listed(audit, slab);
		holds(audit, !slab->countdown, "heap 2: cached slab in use", slab);
		units += slab->units;
	}
	holds(audit, count == cache->count, "heap 2: cache of a class", heap);
	*listed += count;
	return units;
}

static void check_direct(struct audit *audit, const struct thread_heap *heap)
{
	for (size_t i = 0; i <= DIRECT_MOST / GRAIN; i++) {
		const struct slab *first = DIRECT_MOST ? heap->lists[class_of(i * GRAIN)] : NULL;

		holds(audit, heap->direct[i] == (first ? first : heap_none.direct[0]),
		      "heap 1: direct slab", heap);
	}
}

/* With other threads, one of them may be emptying the queue (pending_close_empty()). */
static void check_pending(struct audit *audit, const struct thread_heap *heap)
{
	const struct slab *slab = os_single_threaded() ? heap->pending.first : NULL;

	for (; slab; slab = slab->next_pending)
		if (!holds(audit, slab->owner == heap && slab->queued,
			   "heap 4: pending-free queue", slab))
			break;
}

static void check_heap(const struct thread_heap *heap, void *arg)
{
	struct audit *audit = arg;
	size_t listed = 0;
	size_t cached_units = 0;

	audit->excess = 0;
	for (unsigned int class = 0; class < ALL_CLASSES; class++) {
		listed += check_list(audit, heap, class);
		cached_units += check_cache(audit, heap, class, &listed);
	}
	holds(audit, cached_units == heap->cached_units, "heap 2: cached units", heap);
	check_direct(audit, heap);
	check_pending(audit, heap);
	audit->heap = heap;
	audit->listed = 0;
	audit->used = 0;
	slab_walk(check_descriptor, audit);
	slab_walk(check_full, audit);
	holds(audit, listed == audit->listed, "heap 2: slab in no list", heap);
}

static struct audit audit_all(void)
{
	struct audit audit = { .fault = NULL };
	const char *fault;

	lock_take();
	fault = span_check();
	holds(&audit, !fault, fault, NULL);
	slab_walk(check_descriptor, &audit);
	holds(&audit, audit.used == span_totals.used, "span 4: used units of no slab", NULL);
	if (heap_mine != &heap_none)
		check_heap(heap_mine, &audit);
	idle_walk(check_heap, &audit);
	lock_give();
	return audit;
}

const char *audit_check(void)
{
	return lock_generation ? NULL : audit_all().fault;
}

void audit_now(void)
{
	struct audit audit = { .fault = NULL };

	if (!lock_generation)
		audit = audit_all();
	if (audit.fault)
		check_report("audit", audit.fault, audit.where);
}
