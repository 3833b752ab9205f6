// SPDX-License-Identifier: BSD-3-Clause

#include "trim.h"

#include "large.h"
#include "thread.h"

/*
 * Other heaps are trimmed when chunks have grown by GROWTH_LEAST units and the GROWTH_SHARE-th part
 * of what they were. Filling so much memory takes longer than trimming.
 */
#define GROWTH_LEAST	(16UL * 1024 * 1024 / UNIT)
#define GROWTH_SHARE	8

static void close_cache(struct thread_heap *heap, unsigned int class)
{
	for (struct slab *slab; (slab = heap_cache_take(heap, class));)
		slab_close_locked(slab);
	heap->cache[class] = (struct slab_cache){ .first = NULL };
}

/* Leaves the first slab of the list alone: the heap's thread may be using it. */
static void close_unused(struct thread_heap *heap, unsigned int class)
{
	struct slab *first = heap->lists[class];

	for (struct slab *slab = first ? first->next : NULL, *next; slab; slab = next) {
		next = slab->next;
		if (!remote_is_unused(slab))
			continue;
		heap->retains[class] &= !slab->retained;
		slab_remove(&heap->lists[class], slab);
		slab_close_locked(slab);
	}
}

/*
 * Leaves a busy heap alone: its thread is awake. A fork waits for the lock, so for the end of it.
 */
static void trim(struct thread_heap *heap)
{
	uint32_t busy = BUSY_NOBODY;

	lock_take();
	if (__atomic_compare_exchange_n(&heap->busy, &busy, BUSY_TRIMMED, false, __ATOMIC_ACQUIRE,
					__ATOMIC_RELAXED)) {
		for (unsigned int class = 0; class < ALL_CLASSES; class++) {
			close_cache(heap, class);
			close_unused(heap, class);
		}
		__atomic_store_n(&heap->busy, BUSY_NOBODY, __ATOMIC_RELEASE);
	}
	lock_give();
	pending_close_empty(&heap->pending);
}

static void trim_each_other(void)
{
	struct thread_heap *heap = __atomic_load_n(&heap_all, __ATOMIC_ACQUIRE);

	for (; heap; heap = heap->next_heap)
		if (heap != heap_mine)
			trim(heap);
}

void trim_heaps(void)
{
	thread_collect();
	trim_each_other();
}

/* Whether the chunks have grown enough; if so, growth counts from here. */
static bool has_grown(void)
{
	static size_t next;
	size_t mapped;
	bool grown;

	lock_take();
	__atomic_store_n(&span_grown, false, __ATOMIC_RELAXED);
	mapped = span_count().mapped;
	grown = mapped >= next;
	if (grown)
		next = mapped + mapped / GROWTH_SHARE + GROWTH_LEAST;
	lock_give();
	return grown;
}

void trim_others(void)
{
	if (has_grown())
		trim_each_other();
}

void trim_all(void)
{
	trim_heaps();
	large_make_room();
}
