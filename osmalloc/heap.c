// SPDX-License-Identifier: BSD-3-Clause

#include "heap.h"

#include "lock.h"
#include "meta.h"

struct slab slab_none;

__extension__ struct thread_heap heap_none = {
	.direct = { [0 ... DIRECT_MOST / GRAIN] = &slab_none },
};

__thread struct thread_heap *heap_mine __attribute__((tls_model("initial-exec"))) = &heap_none;

/* The most units of empty slabs in a heap's caches. */
#define CACHED_MOST	(3UL * 1024 * 1024 / UNIT)

struct thread_heap *heap_all;
size_t heap_count;

static void heap_add(struct thread_heap *heap)
{
	heap->next_heap = heap_all;
	__atomic_store_n(&heap_all, heap, __ATOMIC_RELEASE);
	heap_count++;
}

struct thread_heap *heap_make(void)
{
	struct thread_heap *heap = meta_alloc(sizeof(*heap));

	if (!heap)
		return NULL;
	for (size_t i = 0; i < sizeof(heap->direct) / sizeof(heap->direct[0]); i++)
		heap->direct[i] = &slab_none;
	heap_add(heap);
	return heap;
}

void heap_forget(struct thread_heap *mine, struct thread_heap *parked)
{
	heap_all = NULL;
	heap_count = 0;
	if (mine)
		heap_add(mine);
	for (; parked; parked = parked->next_parked)
		heap_add(parked);
}

/* The lists of slabs with free slots */

/* Updates direct[] after the first slab of a class's list changed. */
static void class_list_changed(struct thread_heap *heap, unsigned int class)
{
	struct slab *first = heap->lists[class] ? heap->lists[class] : &slab_none;
	size_t end = class_size(class) / GRAIN;

	if (class_size(class) > DIRECT_MOST)
		return;
	for (size_t i = class ? class_size(class - 1) / GRAIN + 1 : 0; i <= end; i++)
		heap->direct[i] = first;
}

/*
 * Adds at the end: the slabs in front are filled first, which gives a slab that has just one free
 * slot time to gain more, or to become empty.
 */
static void class_list_add(struct thread_heap *heap, struct slab *slab)
{
	if (slab_append(&heap->lists[slab->class], slab))
		class_list_changed(heap, slab->class);
}

static void class_list_remove(struct thread_heap *heap, struct slab *slab)
{
	if (slab_remove(&heap->lists[slab->class], slab))
		class_list_changed(heap, slab->class);
}

/* Empty slabs */

/* Closes a listed slab, which is empty; true as slab_close(). */
static bool class_list_close(struct thread_heap *heap, struct slab *slab)
{
	heap->retains[slab->class] &= !slab->retained;
	class_list_remove(heap, slab);
	return slab_close(slab);
}

struct slab *heap_cache_take(struct thread_heap *heap, unsigned int class)
{
	struct slab_cache *cache = &heap->cache[class];
	struct slab *slab = cache->first;

	if (slab) {
		cache->first = slab->next;
		cache->count--;
		heap->cached_units -= slab->units;
	}
	return slab;
}

/* Moves a listed slab, which is empty, to its class's cache; false: the cache is full. */
static bool cache_add(struct thread_heap *heap, struct slab *slab)
{
	struct slab_cache *cache = &heap->cache[slab->class];

	if (cache->count >= cache->most || heap->cached_units + slab->units > CACHED_MOST)
		return false;
	class_list_remove(heap, slab);
	slab->next = cache->first;
	cache->first = slab;
	cache->count++;
	heap->cached_units += slab->units;
	return true;
}

/* When a class opens a slab, the next class with cached ones loses one, and room for it. */
static void cache_shrink(struct thread_heap *heap)
{
	unsigned int class = heap->last_shrunk;

	if (!heap->cached_units)
		return;
	do {
		class = (class + 1) % ALL_CLASSES;
	} while (!heap->cache[class].count);
	heap->last_shrunk = class;
	heap->cache[class].most--;
	slab_close(heap_cache_take(heap, class));
}

void heap_close_empty(struct thread_heap *heap)
{
	for (unsigned int class = 0; class < ALL_CLASSES; class++) {
		for (struct slab *slab; (slab = heap_cache_take(heap, class));)
			slab_close(slab);
		heap->cache[class] = (struct slab_cache){ .first = NULL };
		for (struct slab *slab = heap->lists[class], *next; slab; slab = next) {
			next = slab->next;
			remote_collect(slab);
			if (!slab_live(slab) && !remote_is_queued(slab))
				class_list_close(heap, slab);
		}
	}
}

/* Retains, caches or closes a listed slab that has become empty. */
static void retire(struct thread_heap *heap, struct slab *slab)
{
	if (remote_is_queued(slab))
		return;
	if (!heap->retains[slab->class]) {
		heap->retains[slab->class] = true;
		slab->retained = true;
		slab->countdown++;
	} else if (!cache_add(heap, slab)) {
		heap->cache[slab->class].missed++;
		/* span_give() has just purged: that is the time to close cached slabs as well. */
		if (class_list_close(heap, slab))
			heap_close_empty(heap);
	}
}

/*
 * A thread that trims a heap holds the lock, so waiting for the lock waits for its end. A signal
 * handler that allocates finds the heap busy for its own thread, and continues. For a fork in a
 * signal handler see lock.h.
 */
void heap_begin(struct thread_heap *heap)
{
	uint32_t busy = BUSY_NOBODY;

	while (!__atomic_compare_exchange_n(&heap->busy, &busy, BUSY_USER, false,
					    __ATOMIC_ACQUIRE, __ATOMIC_RELAXED) &&
	       busy == BUSY_TRIMMED) {
		lock_take();
		lock_give();
		busy = BUSY_NOBODY;
	}
	signal_fence();
}

void heap_finish(struct thread_heap *heap)
{
	signal_fence();
	__atomic_store_n(&heap->busy, BUSY_NOBODY, __ATOMIC_RELEASE);
}

void heap_free_slow(struct thread_heap *heap, struct slab *slab)
{
	heap_begin(heap);
	if (slab->full) {
		remote_reattach(slab);
		slab->countdown--;
		class_list_add(heap, slab);
	}
	if (slab->countdown == 0)
		retire(heap, slab);
	heap_finish(heap);
}

void heap_reattach(struct thread_heap *heap, struct slab *slab)
{
	remote_reattach(slab);
	slab->countdown -= slab_count_free(slab);
	class_list_add(heap, slab);
}

/* The pending-free queue */

void heap_collect_pending(struct thread_heap *heap)
{
	struct slab *slab;

	if (!__atomic_load_n(&heap->pending.first, __ATOMIC_RELAXED))
		return;
	slab = pending_take(&heap->pending);
	while (slab) {
		struct slab *next = slab->next_pending;

		if (slab->full) {
			remote_reattach(slab);
			class_list_add(heap, slab);
		}
		/*
		 * Not earlier: another thread could queue it again, and a third close it while
		 * detached.
		 */
		__atomic_store_n(&slab->queued, false, __ATOMIC_RELEASE);
		remote_collect(slab);
		if (slab->countdown == 0)
			retire(heap, slab);
		slab = next;
	}
}

/* Slots */

/*
 * Makes free slots available if the slab has any: quarantined, remote, or new; false: it has none.
 */
static bool refill(struct slab *slab)
{
	if (QUARANTINE && !slab_has_free(slab)) {
		uint64_t freed = slab->quarantine;

		__atomic_store_n(&slab->quarantine, 0, __ATOMIC_RELAXED);
		__atomic_store_n(&slab->free_bitmap, freed, __ATOMIC_RELAXED);
	}
	if (!slab_has_free(slab))
		remote_collect(slab);
	if (!slab_has_free(slab) && slab->extent < slab->capacity)
		slab_extend(slab);
	return slab_has_free(slab);
}

/* Adds a slab, which has free slots, to its list, which is empty. NULL: does nothing. */
static struct slab *class_list_begin(struct thread_heap *heap, struct slab *slab)
{
	if (!slab)
		return NULL;
	class_list_add(heap, slab);
	refill(slab);
	return slab;
}

struct slab *heap_open_slab(struct thread_heap *heap, unsigned int class)
{
	struct slab_cache *cache = &heap->cache[class];

	cache_shrink(heap);
	if (cache->missed) {
		cache->missed--;
		cache->most++;
	}
	return class_list_begin(heap, slab_open(class, heap, heap->filled[class]));
}

struct slab *heap_find_slab(struct thread_heap *heap, unsigned int class)
{
	struct slab *slab;

	heap_collect_pending(heap);
	while ((slab = heap->lists[class])) {
		if (refill(slab))
			return slab;
		class_list_remove(heap, slab);
		heap->retains[class] &= !slab->retained;
		if (remote_detach(slab))
			heap->filled[class] = true;
		else
			class_list_add(heap, slab);
	}
	return class_list_begin(heap, heap_cache_take(heap, class));
}
