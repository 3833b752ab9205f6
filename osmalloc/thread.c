// SPDX-License-Identifier: BSD-3-Clause

#include "thread.h"

#include <errno.h>
#include <pthread.h>

#include "idle.h"
#include "lock.h"
#include "secret.h"

/* The most units of slabs without a live slot in a heap's pending-free queue. */
#define EMPTY_MOST	(1024UL * 1024 / UNIT)

static pthread_key_t key;	/* its destructor detaches a thread from its heap */
static bool has_key;		/* with the lock */

/* Whether the thread borrows a heap for each call, because its end would not be noticed. */
static __thread bool borrows __attribute__((tls_model("initial-exec")));

/* Whether a fork interrupted this thread while it changed the heap. */
static bool is_half_done(const struct thread_heap *heap)
{
	return __atomic_load_n(&heap->busy, __ATOMIC_RELAXED) == BUSY_USER;
}

/*
 * The thread ends. Destructors of other keys may still free and allocate; then the thread borrows,
 * because this destructor may not be called again.
 */
static void detach(void *arg)
{
	struct thread_heap *heap = arg;

	/* A heap that a fork left half changed belongs to nobody (thread_in_child). */
	if (is_half_done(heap))
		return;
	idle_prepare(heap);
	heap_mine = &heap_none;
	borrows = true;
	idle_park(heap);
}

/* A heap for the calling thread; NULL with ENOMEM. *noticed: the thread's end will be noticed. */
static struct thread_heap *adopt(bool *noticed)
{
	struct thread_heap *heap;

	lock_take();
	secret_make();
	/* If the program has used up all keys, one may be free later. */
	if (unlikely(!has_key))
		has_key = pthread_key_create(&key, detach) == 0;
	*noticed = has_key;
	heap = idle_adopt();
	lock_give();
	return heap;
}

/* A heap for a thread that has none: its own from now on, or borrowed; NULL with ENOMEM. */
static struct thread_heap *attach(void)
{
	bool noticed;
	struct thread_heap *heap = adopt(&noticed);

	if (!heap || borrows)
		return heap;
	heap_mine = heap;
	/* This may allocate, from the heap that the thread has now. */
	if (noticed && pthread_setspecific(key, heap) == 0)
		return heap;
	heap_mine = &heap_none;
	borrows = true;
	return heap;
}

/* A slab of the class with a free slot, first in its list; NULL with ENOMEM. */
static struct slab *find_slab(struct thread_heap *heap, unsigned int class)
{
	struct slab *slab = heap_find_slab(heap, class);

	if (slab)
		return slab;
	idle_collect_some();
	return heap_open_slab(heap, class);
}

/* A slot of the class; NULL with ENOMEM. */
static void *slot_of_class(struct thread_heap *heap, unsigned int class)
{
	struct slab *slab = heap->lists[class];
	int error = errno;
	void *slot;

	if (!slab || !slab->free) {
		heap_begin(heap);
		slab = find_slab(heap, class);
		heap_finish(heap);
	}
	if (!slab)
		return NULL;
	/* A system call may have failed on the way without making this a failure. */
	errno = error;
	slot = slab_take(slab);
	if (unlikely(!slot))
		slot_report(slab->free);
	return slot;
}

void *thread_alloc(struct thread_heap *heap, unsigned int class)
{
	bool borrowed;
	void *slot;

	if (likely(heap != &heap_none))
		return slot_of_class(heap, class);
	heap = attach();
	if (!heap)
		return NULL;
	borrowed = heap != heap_mine;
	slot = slot_of_class(heap, class);
	if (borrowed)
		idle_park(heap);
	return slot;
}

void thread_free_remote(struct slab *slab, void *slot)
{
	struct thread_heap *heap = slab->owner;
	size_t units = slab->units;
	unsigned int notify = remote_push(slab, slot);

	if (notify & NOTIFY_QUEUE) {
		pending_add(&heap->pending, slab);
		idle_notify(heap, units);
	}
	if (notify & NOTIFY_EMPTY &&
	    __atomic_add_fetch(&heap->pending.empty_units, units, __ATOMIC_RELAXED) > EMPTY_MOST)
		pending_close_empty(&heap->pending);
}

void thread_collect(void)
{
	/* Threads without a heap share heap_none, which nobody may write. */
	if (heap_mine != &heap_none)
		idle_collect(heap_mine, false);
	idle_collect_all();
}

/* A heap that is half changed is not used again; its blocks are freed as another thread's. */
void thread_in_child(void)
{
	if (is_half_done(heap_mine)) {
		heap_mine = &heap_none;
		lock_generation++;
	}
	idle_in_child(heap_mine != &heap_none ? heap_mine : NULL, lock_generation);
}
