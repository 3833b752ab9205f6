// SPDX-License-Identifier: BSD-3-Clause

#include "heap.h"

#include "lock.h"
#include "meta.h"

struct slab slab_none;

__extension__ struct heap heap_none = { .direct = { [0 ... DIRECT_MOST / GRAIN] = &slab_none } };
__thread struct heap *heap_mine __attribute__((tls_model("initial-exec"))) = &heap_none;

/* Units of empty slabs that a heap may have in stock. */
#define STOCK_MOST	(3UL * 1024 * 1024 / UNIT)

struct heap *heap_all;
size_t heap_count;

static void heap_add(struct heap *heap)
{
	heap->other = heap_all;
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
	for (; parked; parked = parked->next)
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
static bool is_mailed(const struct slab *slab)
{
	return __atomic_load_n(&slab->mailed, __ATOMIC_RELAXED);
}

/* Gives the listed slab back, which is empty; true as slab_close(). */
static bool list_close(struct heap *heap, struct slab *slab)
{
	heap->keeps[slab->class] &= !slab->kept;
	list_remove(heap, slab);
	return slab_close(slab);
}

struct slab *heap_stock_take(struct heap *heap, unsigned int class)
{
	struct stock *stock = &heap->stock[class];
	struct slab *slab = stock->first;

	if (slab) {
		stock->first = slab->next;
		stock->count--;
		heap->stocked -= slab->units;
	}
	return slab;
}

/* Puts the listed slab, which is empty, into its class's stock; false: there is no room. */
static bool stock_add(struct heap *heap, struct slab *slab)
{
	struct stock *stock = &heap->stock[slab->class];

	if (stock->count >= stock->most || heap->stocked + slab->units > STOCK_MOST)
		return false;
	list_remove(heap, slab);
	slab->next = stock->first;
	stock->first = slab;
	stock->count++;
	heap->stocked += slab->units;
	return true;
}

/* A class needs one more slab: another's stock is too large by one. */
static void stock_shrink(struct heap *heap)
{
	unsigned int class = heap->shrunk;

	if (!heap->stocked)
		return;
	do {
		class = (class + 1) % ALL_CLASSES;
	} while (!heap->stock[class].count);
	heap->shrunk = class;
	heap->stock[class].most--;
	slab_close(heap_stock_take(heap, class));
}

void heap_close_empty(struct heap *heap)
{
	for (unsigned int class = 0; class < ALL_CLASSES; class++) {
		for (struct slab *slab; (slab = heap_stock_take(heap, class));)
			slab_close(slab);
		heap->stock[class] = (struct stock){ .first = NULL };
		for (struct slab *slab = heap->lists[class], *next; slab; slab = next) {
			next = slab->next;
			slab_collect(slab);
			if (!slab_live(slab) && !is_mailed(slab))
				list_close(heap, slab);
		}
	}
}

/* The listed slab is empty: keeps it if it is the only one of its class or there is a need. */
static void retire(struct heap *heap, struct slab *slab)
{
	if (is_mailed(slab))
		return;
	if (!heap->keeps[slab->class]) {
		heap->keeps[slab->class] = true;
		slab->kept = true;
		slab->countdown++;
	} else if (!stock_add(heap, slab)) {
		heap->stock[slab->class].missed++;
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
		slab_take_back(slab);
		slab->countdown--;
		list_add(heap, slab);
	}
	if (slab->countdown == 0)
		retire(heap, slab);
	heap_finish(heap);
}

void heap_take_back(struct heap *heap, struct slab *slab)
{
	slab_take_back(slab);
	slab->countdown -= slab_count_free(slab);
	list_add(heap, slab);
}

/* Mail */

void heap_mail(struct heap *heap, struct slab *slab)
{
	slab->mail = __atomic_load_n(&heap->mailbox, __ATOMIC_RELAXED);
	while (!__atomic_compare_exchange_n(&heap->mailbox, &slab->mail, slab, true,
					    __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		;
}

/* All mail there is. */
static struct slab *mail_fetch(struct heap *heap)
{
	__atomic_store_n(&heap->left, 0, __ATOMIC_RELAXED);
	return __atomic_exchange_n(&heap->mailbox, NULL, __ATOMIC_ACQUIRE);
}

void heap_read_mail(struct heap *heap)
{
	struct slab *slab;

	if (!__atomic_load_n(&heap->mailbox, __ATOMIC_RELAXED))
		return;
	slab = mail_fetch(heap);
	while (slab) {
		struct slab *next = slab->mail;

		if (slab->full) {
			slab_take_back(slab);
			list_add(heap, slab);
		}
		/* Not earlier: somebody else might mail it and close it while it is aside. */
		__atomic_store_n(&slab->mailed, false, __ATOMIC_RELEASE);
		slab_collect(slab);
		if (slab->countdown == 0)
			retire(heap, slab);
		slab = next;
	}
}

void heap_close_left(struct heap *heap)
{
	struct slab *slab = mail_fetch(heap);

	while (slab) {
		struct slab *next = slab->mail;

		if (slab_is_left(slab))
			slab_close(slab);
		else
			heap_mail(heap, slab);
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
	struct stock *stock = &heap->stock[class];

	stock_shrink(heap);
	if (stock->missed) {
		stock->missed--;
		stock->most++;
	}
	return list_begin(heap, slab_open(class, heap, heap->filled[class]));
}

struct slab *heap_find_slab(struct heap *heap, unsigned int class)
{
	struct slab *slab;

	heap_read_mail(heap);
	while ((slab = heap->lists[class])) {
		if (slab_refill(slab))
			return slab;
		list_remove(heap, slab);
		heap->keeps[class] &= !slab->kept;
		if (slab_set_aside(slab))
			heap->filled[class] = true;
		else
			list_add(heap, slab);
	}
	return list_begin(heap, heap_stock_take(heap, class));
}
