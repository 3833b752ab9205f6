// SPDX-License-Identifier: BSD-3-Clause

#include "heap.h"

#include "lock.h"
#include "meta.h"

struct slab slab_none;

__extension__ struct heap heap_none = { .direct = { [0 ... DIRECT_MOST / GRAIN] = &slab_none } };
__thread struct heap *heap_mine __attribute__((tls_model("initial-exec"))) = &heap_none;

/* Units of empty slabs that a heap may have in stock. */
#define CACHED_MOST	(3UL * 1024 * 1024 / UNIT)

struct heap *heap_all;
size_t heap_count;

static void heap_add(struct heap *heap)
{
	heap->next_heap = heap_all;
	__atomic_store_n(&heap_all, heap, __ATOMIC_RELEASE);
	heap_count++;
}

struct heap *heap_make(void)
{
	struct heap *heap = meta_alloc(sizeof(*heap));

	if (!heap)
		return NULL;
	for (size_t i = 0; i < sizeof(heap->direct) / sizeof(heap->direct[0]); i++)
		heap->direct[i] = &slab_none;
	heap_add(heap);
	return heap;
}

void heap_forget(struct heap *mine, struct heap *parked)
{
	heap_all = NULL;
	heap_count = 0;
	if (mine)
		heap_add(mine);
	for (; parked; parked = parked->next_parked)
		heap_add(parked);
}

/* The lists of slabs with free slots */

/* Makes direct[] agree with the beginning of a class's list. */
static void list_changed(struct heap *heap, unsigned int class)
{
	struct slab *first = heap->lists[class] ? heap->lists[class] : &slab_none;
	size_t end = class_size(class) / GRAIN;

	if (class_size(class) > DIRECT_MOST)
		return;
	for (size_t i = class ? class_size(class - 1) / GRAIN + 1 : 0; i <= end; i++)
		heap->direct[i] = first;
}

/*
 * At the end: slabs in front are used up first, so that those that only just have a
 * free slot have time to gain more, or to become empty.
 */
static void list_add(struct heap *heap, struct slab *slab)
{
	if (slab_append(&heap->lists[slab->class], slab))
		list_changed(heap, slab->class);
}

static void list_remove(struct heap *heap, struct slab *slab)
{
	if (slab_remove(&heap->lists[slab->class], slab))
		list_changed(heap, slab->class);
}

/* Empty slabs */

/* A slab in the mailbox stays until the mail is read. */
static bool is_queued(const struct slab *slab)
{
	return __atomic_load_n(&slab->queued, __ATOMIC_RELAXED);
}

/* Gives the listed slab back, which is empty; true as slab_close(). */
static bool list_close(struct heap *heap, struct slab *slab)
{
	heap->retains[slab->class] &= !slab->retained;
	list_remove(heap, slab);
	return slab_close(slab);
}

struct slab *heap_cache_take(struct heap *heap, unsigned int class)
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

/* Puts the listed slab, which is empty, into its class's stock; false: there is no room. */
static bool cache_add(struct heap *heap, struct slab *slab)
{
	struct slab_cache *cache = &heap->cache[slab->class];

	if (cache->count >= cache->most || heap->cached_units + slab->units > CACHED_MOST)
		return false;
	list_remove(heap, slab);
	slab->next = cache->first;
	cache->first = slab;
	cache->count++;
	heap->cached_units += slab->units;
	return true;
}

/* A class needs one more slab: another's stock is too large by one. */
static void cache_shrink(struct heap *heap)
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

void heap_close_empty(struct heap *heap)
{
	for (unsigned int class = 0; class < ALL_CLASSES; class++) {
		for (struct slab *slab; (slab = heap_cache_take(heap, class));)
			slab_close(slab);
		heap->cache[class] = (struct slab_cache){ .first = NULL };
		for (struct slab *slab = heap->lists[class], *next; slab; slab = next) {
			next = slab->next;
			slab_collect(slab);
			if (!slab_live(slab) && !is_queued(slab))
				list_close(heap, slab);
		}
	}
}

/* The listed slab is empty: keeps it if it is the only one of its class or there is a need. */
static void retire(struct heap *heap, struct slab *slab)
{
	if (is_queued(slab))
		return;
	if (!heap->retains[slab->class]) {
		heap->retains[slab->class] = true;
		slab->retained = true;
		slab->countdown++;
	} else if (!cache_add(heap, slab)) {
		heap->cache[slab->class].missed++;
		/* When memory goes to the kernel, that of what is kept is soon to follow. */
		if (list_close(heap, slab))
			heap_close_empty(heap);
	}
}

/*
 * A thread that trims heaps holds the lock while it trims one, so this waits for the lock. A signal
 * handler that allocates finds its own thread busy, and goes on. For what a fork in one finds, see
 * lock.h.
 */
void heap_begin(struct heap *heap)
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

void heap_finish(struct heap *heap)
{
	signal_fence();
	__atomic_store_n(&heap->busy, BUSY_NOBODY, __ATOMIC_RELEASE);
}

void heap_free_slow(struct heap *heap, struct slab *slab)
{
	heap_begin(heap);
	if (slab->full) {
		slab_reattach(slab);
		slab->countdown--;
		list_add(heap, slab);
	}
	if (slab->countdown == 0)
		retire(heap, slab);
	heap_finish(heap);
}

void heap_reattach(struct heap *heap, struct slab *slab)
{
	slab_reattach(slab);
	slab->countdown -= slab_count_free(slab);
	list_add(heap, slab);
}

/* Mail */

void pending_add(struct heap *heap, struct slab *slab)
{
	slab->next_pending = __atomic_load_n(&heap->pending, __ATOMIC_RELAXED);
	while (!__atomic_compare_exchange_n(&heap->pending, &slab->next_pending, slab, true,
					    __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		;
}

/* All mail there is. */
static struct slab *pending_take(struct heap *heap)
{
	__atomic_store_n(&heap->empty_units, 0, __ATOMIC_RELAXED);
	return __atomic_exchange_n(&heap->pending, NULL, __ATOMIC_ACQUIRE);
}

void heap_collect_pending(struct heap *heap)
{
	struct slab *slab;

	if (!__atomic_load_n(&heap->pending, __ATOMIC_RELAXED))
		return;
	slab = pending_take(heap);
	while (slab) {
		struct slab *next = slab->next_pending;

		if (slab->full) {
			slab_reattach(slab);
			list_add(heap, slab);
		}
		/* Not earlier: somebody else might mail it and close it while it is aside. */
		__atomic_store_n(&slab->queued, false, __ATOMIC_RELEASE);
		slab_collect(slab);
		if (slab->countdown == 0)
			retire(heap, slab);
		slab = next;
	}
}

void heap_close_pending(struct heap *heap)
{
	struct slab *slab = pending_take(heap);

	while (slab) {
		struct slab *next = slab->next_pending;

		if (slab_is_closable(slab))
			slab_close(slab);
		else
			pending_add(heap, slab);
		slab = next;
	}
}

/* Slots */

/* The slab, which has free slots, becomes the first in its list, which is empty. */
static struct slab *list_begin(struct heap *heap, struct slab *slab)
{
	if (!slab)
		return NULL;
	list_add(heap, slab);
	slab_refill(slab);
	return slab;
}

struct slab *heap_open_slab(struct heap *heap, unsigned int class)
{
	struct slab_cache *cache = &heap->cache[class];

	cache_shrink(heap);
	if (cache->missed) {
		cache->missed--;
		cache->most++;
	}
	return list_begin(heap, slab_open(class, heap, heap->filled[class]));
}

struct slab *heap_find_slab(struct heap *heap, unsigned int class)
{
	struct slab *slab;

	heap_collect_pending(heap);
	while ((slab = heap->lists[class])) {
		if (slab_refill(slab))
			return slab;
		list_remove(heap, slab);
		heap->retains[class] &= !slab->retained;
		if (slab_detach(slab))
			heap->filled[class] = true;
		else
			list_add(heap, slab);
	}
	return list_begin(heap, heap_cache_take(heap, class));
}
