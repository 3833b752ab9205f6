// SPDX-License-Identifier: BSD-3-Clause

#include "thread.h"

#include <errno.h>
#include <pthread.h>

#include "large.h"
#include "meta.h"
#include "os.h"
#include "streams.h"

struct heap *heap_all;

/* Units of slabs that may stay in the mailboxes of heaps without a thread. */
#define IDLE_MAIL_MOST	(2UL * 1024 * 1024 / UNIT)

/* Heaps without a thread that are left as they are, for the next threads; units of each. */
#define IDLE_READY_MOST	4
#define READY_UNITS	(1024UL * 1024 / UNIT)

/* Units of slabs without a live slot that may stay in the mailbox of a heap. */
#define LEFT_MOST	(1024UL * 1024 / UNIT)

/*
 * Before another heap is made, so many are looked at for one whose thread has ended unnoticed.
 * Looks that are left over when one is found are for later searches. So the heaps that wait to be
 * found do not add up: they are a third of those in use, and a few more.
 */
#define LOOKS	4

static size_t idle_mail;
static unsigned int idle_count;
static struct heap *idle;	/* heaps whose threads have ended; under the lock */
static pthread_key_t key;	/* its destructor ends a thread's use of its heap */
static bool has_key;		/* under the lock */
static struct heap *next_look;	/* the next heap to look at so; NULL: the first; under the lock */
static size_t heap_count;	/* in heap_all; under the lock */
static size_t looks;		/* that are left over; under the lock */
static unsigned int process = 1;	/* one more in a child of fork() than in its parent */
static size_t unseen;	/* in such a child, so many heaps may be those of threads that are gone */
static bool unsettled;	/* none of them was looked at so far; under the lock */

/* Whether the calling thread borrows a heap for each call, as its end would not be noticed. */
static __thread bool borrows __attribute__((tls_model("initial-exec")));

/* The life of a heap's thread. All want the lock. */

/* The kernel marks the mutexes of a thread that ends, and no call is needed to take a free one. */
static void life_prepare(struct heap *heap)
{
	pthread_mutexattr_t robust;

	pthread_mutexattr_init(&robust);
	pthread_mutexattr_setrobust(&robust, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&heap->life, &robust);
	pthread_mutexattr_destroy(&robust);
}

static void life_begin(struct heap *heap)
{
	heap->process = process;
	pthread_mutex_trylock(&heap->life);
}

static void life_end(struct heap *heap)
{
	pthread_mutex_unlock(&heap->life);
}

/* Whether the thread that had the heap is not in this process, which is the child of a fork. */
static bool is_left_behind(const struct heap *heap)
{
	return heap->process && heap->process != process;
}

/* Whether the thread that had the heap is no more, unnoticed; then the calling one has it. */
static bool life_is_over(struct heap *heap)
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

static bool is_busy(const struct heap *heap)
{
	return __atomic_load_n(&heap->busy, __ATOMIC_RELAXED) != BUSY_NOBODY;
}

/* A thread that is gone may have given a slot of a full slab back, and not have come to more. */
static void finish_free(const struct slab *slab, void *arg)
{
	struct heap *heap = slab->owner;

	(void)arg;
	if (heap && slab->full && (slab->vacant || slab->resting) && is_left_behind(heap) &&
	    !is_busy(heap))
		heap_take_back(heap, (struct slab *)slab);
}

/*
 * The next heap, if its thread is no more, unnoticed, and has left nothing half done; NULL. The
 * child of a fork has all memory as it was at one time. A heap that was not busy then is sound: at
 * most one slot of it, which its thread was just taking or giving back, is lost or counted twice.
 */
static struct heap *abandoned_look(void)
{
	struct heap *heap = next_look ? next_look : heap_all;

	if (unsettled)
		slab_walk(finish_free, NULL);
	unsettled = false;
	if (unseen)
		__atomic_store_n(&unseen, unseen - 1, __ATOMIC_RELAXED);
	next_look = heap->other;
	if (is_busy(heap) || !life_is_over(heap))
		return NULL;
	__atomic_store_n(&heap->idle, false, __ATOMIC_RELAXED);
	return heap;
}

/* A heap whose thread has ended unnoticed, for the calling thread; NULL: none was found. */
static struct heap *abandoned_take(void)
{
	struct heap *heap = NULL;

	looks = looks + LOOKS < heap_count ? looks + LOOKS : heap_count;
	while (!heap && looks) {
		looks--;
		heap = abandoned_look();
	}
	return heap;
}

/* Heaps without a thread */

/* Gives back what it can. A heap without a thread is told of slabs that become empty later. */
static void tidy(struct heap *heap, bool for_long)
{
	heap_begin(heap);
	heap_read_mail(heap);
	heap_close_empty(heap);
	for (unsigned int class = 0; for_long && class < ALL_CLASSES; class++)
		for (struct slab *slab = heap->lists[class]; slab; slab = slab->next)
			slab_await_last(slab);
	heap_finish(heap);
}

/* Makes the heap one of those that have no thread. The caller holds the lock. */
static void idle_add(struct heap *heap)
{
	__atomic_store_n(&heap->idle, true, __ATOMIC_RELAXED);
	heap->process = 0;
	heap->next = idle;
	idle = heap;
	__atomic_store_n(&idle_count, idle_count + 1, __ATOMIC_RELAXED);
}

static struct heap *idle_remove(void)
{
	struct heap *heap = idle;

	if (heap) {
		idle = heap->next;
		__atomic_store_n(&idle_count, idle_count - 1, __ATOMIC_RELAXED);
		__atomic_store_n(&heap->idle, false, __ATOMIC_RELAXED);
	}
	return heap;
}

/* Gives back what became empty in heaps without a thread: in all, or those that have mail. */
static void tidy_idle(bool all)
{
	struct heap *mailed = NULL;
	struct heap **link = &idle;

	__atomic_store_n(&idle_mail, 0, __ATOMIC_RELAXED);
	central_take();
	while (*link) {
		struct heap *heap = *link;

		if (!all && !__atomic_load_n(&heap->mailbox, __ATOMIC_RELAXED)) {
			link = &heap->next;
			continue;
		}
		*link = heap->next;
		heap->process = process;
		__atomic_store_n(&idle_count, idle_count - 1, __ATOMIC_RELAXED);
		heap->next = mailed;
		mailed = heap;
	}
	central_give();
	while (mailed) {
		struct heap *next = mailed->next;

		tidy(mailed, true);
		central_take();
		idle_add(mailed);
		central_give();
		mailed = next;
	}
}

void heap_free_remote(struct slab *slab, void *slot)
{
	struct heap *heap = slab->owner;
	size_t units = slab->units;
	unsigned int news = slab_push_remote(slab, slot);

	if (news & NEWS_MAIL) {
		heap_mail(heap, slab);
		if (__atomic_load_n(&heap->idle, __ATOMIC_RELAXED) &&
		    __atomic_add_fetch(&idle_mail, units, __ATOMIC_RELAXED) > IDLE_MAIL_MOST)
			tidy_idle(false);
	}
	if (news & NEWS_EMPTY &&
	    __atomic_add_fetch(&heap->left, units, __ATOMIC_RELAXED) > LEFT_MOST)
		heap_close_left(heap);
}

/* Fork */

void central_abandon(void)
{
	span_abandon();
	slab_abandon();
	meta_abandon();
	idle = NULL;
	idle_count = 0;
	central_abandoned = true;
}

/* Whether a fork interrupted this thread while it changed the heap. */
static bool is_half_done(const struct heap *heap)
{
	return __atomic_load_n(&heap->busy, __ATOMIC_RELAXED) == BUSY_USER;
}

/* Adds the heap to heap_all. The lock must be held. */
static void heap_list(struct heap *heap)
{
	heap->other = heap_all;
	__atomic_store_n(&heap_all, heap, __ATOMIC_RELEASE);
	heap_count++;
}

/* What heaps other threads have is not known for sure. */
static void forget_heaps(void)
{
	heap_all = NULL;
	heap_count = 0;
	if (heap_mine != &heap_none)
		heap_list(heap_mine);
	for (struct heap *heap = idle; heap; heap = heap->next)
		heap_list(heap);
}

/*
 * In the child. What was half done stays so, unused; blocks are freed into it as if remote. Other
 * heaps of threads that are gone are found by and by, as a child that is going to call exec() has
 * no need of them.
 */
static void after_fork(void)
{
	process++;
	if (central_busy) {
		central_abandon();
		central_busy = false;
	}
	if (is_half_done(heap_mine)) {
		heap_mine = &heap_none;
		central_abandoned = true;
	}
	looks = 0;
	next_look = NULL;
	if (central_abandoned)
		forget_heaps();
	unseen = central_abandoned ? 0 : heap_count;
	unsettled = unseen;
	if (heap_mine != &heap_none) {
		life_prepare(heap_mine);
		life_begin(heap_mine);
	}
}

/* Threads begin and end */

static void heap_leave(void *heap);

/*
 * Registers the fork handlers before anybody else does (src/Makefile: initfirst), and outside of
 * malloc(), which pthread_atfork() may call with the C library's lock held.
 */
__attribute__((constructor(101))) static void survive_fork(void)
{
	streams_survive_fork();
	pthread_atfork(NULL, NULL, after_fork);
}

/* Makes the secret and the thread key where there are none yet. The lock must be held. */
static void get_ready(void)
{
	uint64_t secret[2];

	if (unlikely(!central_secret)) {
		os_secret(secret);
		__atomic_store_n(&central_secret, secret[1] | 1, __ATOMIC_RELEASE);
	}
	/* Should the program use up all keys, there may be one again later. */
	if (unlikely(!has_key))
		has_key = pthread_key_create(&key, heap_leave) == 0;
}

void heap_prepare(void)
{
	central_take();
	get_ready();
	central_give();
}

static struct heap *heap_make(void)
{
	struct heap *heap = meta_alloc(sizeof(*heap));

	if (!heap)
		return NULL;
	for (size_t i = 0; i < sizeof(heap->direct) / sizeof(heap->direct[0]); i++)
		heap->direct[i] = &slab_none;
	life_prepare(heap);
	heap_list(heap);
	return heap;
}

/* A heap for the calling thread, new if need be; NULL and ENOMEM. *noticed: there is a key. */
static struct heap *heap_take(bool *noticed)
{
	struct heap *heap;

	central_take();
	get_ready();
	*noticed = has_key;
	heap = idle_remove();
	if (!heap)
		heap = abandoned_take();
	if (!heap)
		heap = heap_make();
	if (heap)
		life_begin(heap);
	central_give();
	return heap;
}

static void heap_give(struct heap *heap)
{
	central_take();
	life_end(heap);
	idle_add(heap);
	central_give();
}

/* The calling thread, which has none, gets a heap, or borrows it; NULL and ENOMEM. */
static struct heap *heap_enter(void)
{
	bool noticed;
	struct heap *heap = heap_take(&noticed);

	if (!heap || borrows)
		return heap;
	heap_mine = heap;
	/* This may allocate: the thread has its heap by now. */
	if (noticed && pthread_setspecific(key, heap) == 0)
		return heap;
	heap_mine = &heap_none;
	borrows = true;
	return heap;
}

/*
 * Whether the slabs in the heap's lists and stock are few. Nobody is told when one of these becomes
 * empty, as long as the heap is not tidied.
 */
static bool is_small(const struct heap *heap)
{
	size_t units = heap->stocked;

	for (unsigned int class = 0; class < ALL_CLASSES; class++)
		for (struct slab *slab = heap->lists[class]; slab; slab = slab->next) {
			units += slab->units;
			if (units > READY_UNITS)
				return false;
		}
	return true;
}

/*
 * The thread ends. It may still free, and allocate in the destructors of other keys: then it
 * borrows, as this destructor need not be called once more.
 */
static void heap_leave(void *arg)
{
	struct heap *heap = arg;

	/* What a fork has left half done is nobody's (after_fork). */
	if (is_half_done(heap))
		return;
	if (__atomic_load_n(&idle_count, __ATOMIC_RELAXED) < IDLE_READY_MOST && is_small(heap)) {
		heap_begin(heap);
		heap_read_mail(heap);
		heap_finish(heap);
	} else {
		tidy(heap, true);
	}
	heap_mine = &heap_none;
	borrows = true;
	heap_give(heap);
}

void heap_walk_idle(void (*visit)(const struct heap *heap, void *arg), void *arg)
{
	for (const struct heap *heap = idle; heap; heap = heap->next)
		visit(heap, arg);
}

/* Looks at so many heaps; those whose threads are no more, unnoticed, become idle ones. */
static void abandoned_collect(size_t most)
{
	struct heap *found = NULL;
	struct heap *heap;

	central_take();
	for (size_t n = most < heap_count ? most : heap_count; n; n--) {
		heap = abandoned_look();
		if (heap) {
			heap->next = found;
			found = heap;
		}
	}
	central_give();
	while ((heap = found)) {
		found = heap->next;
		tidy(heap, true);
		heap_give(heap);
	}
}

/* A slab of the class with a free slot, first in its list; NULL and ENOMEM. */
static struct slab *find_slab(struct heap *heap, unsigned int class)
{
	struct slab *slab = heap_find_slab(heap, class);

	if (slab)
		return slab;
	if (__atomic_load_n(&idle_mail, __ATOMIC_RELAXED))
		tidy_idle(false);
	if (unlikely(__atomic_load_n(&unseen, __ATOMIC_RELAXED)))
		abandoned_collect(LOOKS);
	return heap_open_slab(heap, class);
}

/* A slot of the class; NULL and ENOMEM. */
static void *slot_of_class(struct heap *heap, unsigned int class)
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
	/* Not everything that the kernel refused on the way is a failure. */
	errno = error;
	slot = slab_take(slab);
	if (unlikely(!slot))
		slot_report(slab->free);
	return slot;
}

void *heap_alloc_slow(struct heap *heap, unsigned int class)
{
	bool borrowed;
	void *slot;

	if (likely(heap != &heap_none))
		return slot_of_class(heap, class);
	heap = heap_enter();
	if (!heap)
		return NULL;
	borrowed = heap != heap_mine;
	slot = slot_of_class(heap, class);
	if (borrowed)
		heap_give(heap);
	return slot;
}

void heap_tidy(void)
{
	/* Threads without a heap share heap_none, which nobody may write. */
	if (heap_mine != &heap_none)
		tidy(heap_mine, false);
	abandoned_collect(SIZE_MAX);
	tidy_idle(true);
}
