// SPDX-License-Identifier: BSD-3-Clause

#include "idle.h"

#include <errno.h>
#include <pthread.h>

#include "lock.h"
#include "meta.h"

/* The most units of slabs in the pending-free queues of parked heaps. */
#define PENDING_MOST	(2UL * 1024 * 1024 / UNIT)

/* Parked heaps that are not collected, for the next threads, and the most units of each. */
#define READY_HEAPS	4
#define READY_UNITS	(1024UL * 1024 / UNIT)

/*
 * A search for an abandoned heap looks at LOOKS heaps before a new one is made. If it finds one
 * earlier, the next search has more looks. So abandoned heaps do not accumulate: at most a third of
 * those in use, and a few more, wait to be found.
 */
#define LOOKS	4

static struct thread_heap *parked;
static unsigned int parked_count;
static size_t pending_units;	/* of slabs that were queued for parked heaps */

static struct thread_heap *next_look;	/* the next heap to look at; NULL: the first */
static size_t looks;		/* left over from earlier searches */
static unsigned int process = 1;	/* one more in a child of fork() than in its parent */
static size_t unseen;		/* heaps not looked at since the fork of this process */
static bool unsettled;		/* none was looked at since then */

/* Starts without parked heaps in a new generation (lock.h). The lock must be held. */
static void parked_renew(void)
{
	static unsigned int generation;

	if (!lock_has_new_generation(&generation))
		return;
	parked = NULL;
	parked_count = 0;
}

/* Whether a heap's thread is alive. The lock must be held. */

/* The kernel marks the robust mutexes of a thread that ends; taking one needs no system call. */
static void life_prepare(struct thread_heap *heap)
{
	pthread_mutexattr_t robust;

	pthread_mutexattr_init(&robust);
	pthread_mutexattr_setrobust(&robust, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&heap->life, &robust);
	pthread_mutexattr_destroy(&robust);
}

static void life_begin(struct thread_heap *heap)
{
	heap->process = process;
	pthread_mutex_trylock(&heap->life);
}

static void life_end(struct thread_heap *heap)
{
	pthread_mutex_unlock(&heap->life);
}

/* Whether the heap's thread is not in this process, which is the child of a fork. */
static bool is_left_behind(const struct thread_heap *heap)
{
	return heap->process && heap->process != process;
}

/* Whether the heap's thread ended unnoticed; if so, the calling thread owns the heap now. */
static bool life_is_over(struct thread_heap *heap)
{
	int error;

	if (is_left_behind(heap)) {
		life_prepare(heap);
		life_begin(heap);
		heap->inherited++;
		return true;
	}
	error = pthread_mutex_trylock(&heap->life);
	if (!error)
		life_end(heap);
	return error == EOWNERDEAD && !pthread_mutex_consistent(&heap->life);
}

/* Abandoned heaps */

static bool is_busy(const struct thread_heap *heap)
{
	return __atomic_load_n(&heap->busy, __ATOMIC_RELAXED) != BUSY_NOBODY;
}

/* A thread that did not survive a fork may have freed a slot of a full slab, and no more. */
static void complete_free(const struct slab *slab, void *arg)
{
	struct thread_heap *heap = slab->owner;

	(void)arg;
	if (heap && slab->full && (slab->free_bitmap || slab->quarantine) && is_left_behind(heap) &&
	    !is_busy(heap))
		heap_reattach(heap, (struct slab *)slab);
}

/*
 * The next heap if it is abandoned and not busy; else NULL. The child of a fork has all memory as
 * it was at one moment. A heap that was not busy then is sound, except that one slot which its
 * thread was just allocating or freeing may be lost, or free and still counted as live.
 */
static struct thread_heap *abandoned_look(void)
{
	struct thread_heap *heap = next_look ? next_look : heap_all;

	if (unsettled)
		slab_walk(complete_free, NULL);
	unsettled = false;
	if (unseen)
		__atomic_store_n(&unseen, unseen - 1, __ATOMIC_RELAXED);
	next_look = heap->next_heap;
	if (is_busy(heap) || !life_is_over(heap))
		return NULL;
	__atomic_store_n(&heap->parked, false, __ATOMIC_RELAXED);
	return heap;
}

/* An abandoned heap, for the calling thread; NULL if none was found. */
static struct thread_heap *abandoned_take(void)
{
	struct thread_heap *heap = NULL;

	looks = least(looks + LOOKS, heap_count);
	while (!heap && looks) {
		looks--;
		heap = abandoned_look();
	}
	return heap;
}

/* Looks at so many heaps; collects and parks those that are abandoned. */
static void abandoned_collect(size_t most)
{
	struct thread_heap *found = NULL;
	struct thread_heap *heap;

	lock_take();
	for (size_t n = least(most, heap_count); n; n--) {
		heap = abandoned_look();
		if (heap) {
			heap->next_parked = found;
			found = heap;
		}
	}
	lock_give();
	while ((heap = found)) {
		found = heap->next_parked;
		idle_collect(heap, true);
		idle_park(heap);
	}
}

/* Parked heaps */

/* The lock must be held. */
static void parked_add(struct thread_heap *heap)
{
	parked_renew();
	__atomic_store_n(&heap->parked, true, __ATOMIC_RELAXED);
	heap->process = 0;
	heap->next_parked = parked;
	parked = heap;
	__atomic_store_n(&parked_count, parked_count + 1, __ATOMIC_RELAXED);
}

/* The first parked heap; NULL if there is none. The lock must be held. */
static struct thread_heap *parked_remove(void)
{
	struct thread_heap *heap = parked;

	if (heap) {
		parked = heap->next_parked;
		__atomic_store_n(&parked_count, parked_count - 1, __ATOMIC_RELAXED);
		__atomic_store_n(&heap->parked, false, __ATOMIC_RELAXED);
	}
	return heap;
}

/*
 * Takes all parked heaps, or those with a pending-free queue that is not empty, out of their list;
 * the first of them. The lock must be held.
 */
static struct thread_heap *parked_take(bool all)
{
	struct thread_heap *taken = NULL;
	struct thread_heap **link = &parked;

	parked_renew();
	while (*link) {
		struct thread_heap *heap = *link;

		if (!all && !__atomic_load_n(&heap->pending.first, __ATOMIC_RELAXED)) {
			link = &heap->next_parked;
			continue;
		}
		*link = heap->next_parked;
		heap->process = process;
		__atomic_store_n(&parked_count, parked_count - 1, __ATOMIC_RELAXED);
		heap->next_parked = taken;
		taken = heap;
	}
	return taken;
}

/* Closes empty slabs of parked heaps: of all, or of those with queued slabs. */
static void parked_collect(bool all)
{
	struct thread_heap *heap;

	__atomic_store_n(&pending_units, 0, __ATOMIC_RELAXED);
	lock_take();
	heap = parked_take(all);
	lock_give();
	while (heap) {
		struct thread_heap *next = heap->next_parked;

		idle_collect(heap, true);
		lock_take();
		parked_add(heap);
		lock_give();
		heap = next;
	}
}

struct thread_heap *idle_adopt(void)
{
	struct thread_heap *heap;

	parked_renew();
	heap = parked_remove();
	if (!heap)
		heap = abandoned_take();
	if (!heap) {
		heap = heap_make();
		if (!heap)
			return NULL;
		life_prepare(heap);
	}
	life_begin(heap);
	return heap;
}

void idle_park(struct thread_heap *heap)
{
	lock_take();
	life_end(heap);
	parked_add(heap);
	lock_give();
}

/*
 * Whether the slabs in the heap's lists and caches are few. When one of these becomes empty, no
 * thread learns of it until the heap is collected.
 */
static bool is_small(const struct thread_heap *heap)
{
	size_t units = heap->cached_units;

	for (unsigned int class = 0; class < ALL_CLASSES; class++)
		for (struct slab *slab = heap->lists[class]; slab; slab = slab->next) {
			units += slab->units;
			if (units > READY_UNITS)
				return false;
		}
	return true;
}

void idle_prepare(struct thread_heap *heap)
{
	if (__atomic_load_n(&parked_count, __ATOMIC_RELAXED) < READY_HEAPS && is_small(heap)) {
		heap_begin(heap);
		heap_collect_pending(heap);
		heap_finish(heap);
	} else {
		idle_collect(heap, true);
	}
}

void idle_collect(struct thread_heap *heap, bool is_parked)
{
	heap_begin(heap);
	heap_collect_pending(heap);
	heap_close_empty(heap);
	for (unsigned int class = 0; is_parked && class < ALL_CLASSES; class++)
		for (struct slab *slab = heap->lists[class]; slab; slab = slab->next)
			remote_notify_last(slab);
	heap_finish(heap);
}

void idle_collect_some(void)
{
	if (__atomic_load_n(&pending_units, __ATOMIC_RELAXED))
		parked_collect(false);
	if (unlikely(__atomic_load_n(&unseen, __ATOMIC_RELAXED)))
		abandoned_collect(LOOKS);
}

void idle_collect_all(void)
{
	abandoned_collect(SIZE_MAX);
	parked_collect(true);
}

void idle_notify(const struct thread_heap *heap, size_t units)
{
	if (__atomic_load_n(&heap->parked, __ATOMIC_RELAXED) &&
	    __atomic_add_fetch(&pending_units, units, __ATOMIC_RELAXED) > PENDING_MOST)
		parked_collect(false);
}

void idle_walk(void (*visit)(const struct thread_heap *heap, void *arg), void *arg)
{
	parked_renew();
	for (const struct thread_heap *heap = parked; heap; heap = heap->next_parked)
		visit(heap, arg);
}

void idle_in_child(struct thread_heap *mine, bool lost)
{
	process++;
	looks = 0;
	next_look = NULL;
	parked_renew();
	if (lost)
		heap_forget(mine, parked);
	unseen = lost ? 0 : heap_count;
	unsettled = unseen;
	if (mine) {
		life_prepare(mine);
		life_begin(mine);
	}
}
