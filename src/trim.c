// SPDX-License-Identifier: BSD-3-Clause

#include "trim.h"

#include "large.h"
#include "thread.h"

static void close_stock(struct heap *heap, unsigned int class)
{
	for (struct slab *slab; (slab = heap_stock_take(heap, class));)
		slab_close_locked(slab);
	heap->stock[class] = (struct stock){ .first = NULL };
}

/* The heap's thread may be using the first slab of the list. */
static void close_unused(struct heap *heap, unsigned int class)
{
	struct slab *first = heap->lists[class];

	for (struct slab *slab = first ? first->next : NULL, *next; slab; slab = next) {
		next = slab->next;
		if (!slab_is_unused(slab))
			continue;
		heap->keeps[class] &= !slab->kept;
		slab_remove(&heap->lists[class], slab);
		slab_close_locked(slab);
	}
}

/* Those that are busy are awake, and left alone. A fork waits for the lock, and finds none. */
static void trim(struct heap *heap)
{
	uint8_t busy = BUSY_NOBODY;

	central_take();
	if (__atomic_compare_exchange_n(&heap->busy, &busy, BUSY_TRIMMED, false, __ATOMIC_ACQUIRE,
					__ATOMIC_RELAXED)) {
		for (unsigned int class = 0; class < ALL_CLASSES; class++) {
			close_stock(heap, class);
			close_unused(heap, class);
		}
		__atomic_store_n(&heap->busy, BUSY_NOBODY, __ATOMIC_RELEASE);
	}
	central_give();
	heap_close_left(heap);
}

void trim_heaps(void)
{
	struct heap *heap;

	heap_tidy();
	heap = __atomic_load_n(&heap_all, __ATOMIC_ACQUIRE);
	for (; heap; heap = heap->other)
		if (heap != heap_mine)
			trim(heap);
}

void trim_all(void)
{
	trim_heaps();
	large_make_room();
}
