// SPDX-License-Identifier: BSD-3-Clause

#include "heap.h"

#include <errno.h>
#include <pthread.h>

#include "central.h"
#include "large.h"
#include "meta.h"
#include "os.h"
#include "streams.h"

static struct slab slab_none;

__extension__ struct heap heap_none = { .direct = { [0 ... DIRECT_MOST / GRAIN] = &slab_none } };
struct heap *heap_all;
__thread struct heap *heap_mine __attribute__((tls_model("initial-exec"))) = &heap_none;

bool central_busy;
uintptr_t central_secret;
bool central_abandoned;

/* Units of empty slabs that a heap may have in stock. */
#define STOCK_MOST	(3UL * 1024 * 1024 / UNIT)

/* Units of slabs in the mailboxes of heaps without a thread: so many may stay there. */
#define IDLE_MAIL_MOST	(4UL * 1024 * 1024 / UNIT)

/* Heaps without a thread that are left as they are, for the next threads. */
#define IDLE_READY_MOST	4

/* Units of slabs without a live slot that may stay in the mailbox of a heap. */
#define LEFT_MOST	(1024UL * 1024 / UNIT)

static size_t idle_mail;
static unsigned int idle_count;
static struct heap *idle;	/* heaps whose threads have ended; under the lock */
static pthread_key_t key;	/* its destructor ends a thread's use of its heap */
static bool has_key;		/* under the lock */

/* Whether the calling thread borrows a heap for each call, as its end would not be noticed. */
static __thread bool borrows __attribute__((tls_model("initial-exec")));

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
		class = (class + 1) % CLASSES;
	} while (!heap->stock[class].count);
	heap->shrunk = class;
	heap->stock[class].most--;
	slab_close(heap_stock_take(heap, class));
}

/* Gives back all empty slabs. */
static void close_empty(struct heap *heap)
{
	for (unsigned int class = 0; class < CLASSES; class++) {
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
			close_empty(heap);
	}
}

/*
 * From begin() to finish(), only the caller changes the heap. A thread that trims heaps skips busy
 * ones, and holds the lock while it trims one, so begin() waits for the lock. A signal handler
 * that allocates finds its own thread busy, and goes on. For what a fork in one finds, see
 * central.h.
 */

static void begin(struct heap *heap)
{
	uint8_t busy = BUSY_NOBODY;

	while (!__atomic_compare_exchange_n(&heap->busy, &busy, BUSY_USER, false,
					    __ATOMIC_ACQUIRE, __ATOMIC_RELAXED) &&
	       busy == BUSY_TRIMMED) {
		central_take();
		central_give();
		busy = BUSY_NOBODY;
	}
	signal_fence();
}

static void finish(struct heap *heap)
{
	signal_fence();
	__atomic_store_n(&heap->busy, BUSY_NOBODY, __ATOMIC_RELEASE);
}

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
}

/* In the child. What was half done stays so, unused; blocks are freed into it as if remote. */
static void after_fork(void)
{
	if (central_busy) {
		central_abandon();
		central_busy = false;
	}
	if (is_half_done(heap_mine)) {
		heap_mine = &heap_none;
		central_abandoned = true;
	}
	/* Those of other threads may be half changed. */
	heap_all = NULL;
	if (heap_mine != &heap_none)
		heap_list(heap_mine);
	for (struct heap *heap = idle; heap; heap = heap->next)
		heap_list(heap);
}

void heap_free_slow(struct heap *heap, struct slab *slab)
{
	begin(heap);
	if (slab->full) {
		slab_take_back(slab);
		slab->countdown--;
		list_add(heap, slab);
	}
	if (slab->countdown == 0)
		retire(heap, slab);
	finish(heap);
}

/* Mail */

static void mail_send(struct heap *heap, struct slab *slab)
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

/* Looks after the slabs into which others have freed since they were put aside. */
static void read_mail(struct heap *heap)
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

/* Gives back what it can. A heap without a thread is told of slabs that become empty later. */
static void tidy(struct heap *heap, bool for_long)
{
	begin(heap);
	read_mail(heap);
	close_empty(heap);
	for (unsigned int class = 0; for_long && class < CLASSES; class++)
		for (struct slab *slab = heap->lists[class]; slab; slab = slab->next)
			slab_await_last(slab);
	finish(heap);
}

/* Makes the heap one of those that have no thread. The caller holds the lock. */
static void idle_add(struct heap *heap)
{
	__atomic_store_n(&heap->idle, true, __ATOMIC_RELAXED);
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

void heap_close_left(struct heap *heap)
{
	struct slab *slab = mail_fetch(heap);

	while (slab) {
		struct slab *next = slab->mail;

		if (slab_is_left(slab))
			slab_close(slab);
		else
			mail_send(heap, slab);
		slab = next;
	}
}

void heap_free_remote(struct slab *slab, void *slot)
{
	struct heap *heap = slab->owner;
	size_t units = slab->units;
	unsigned int news = slab_push_remote(slab, slot);

	if (news & NEWS_MAIL) {
		mail_send(heap, slab);
		if (__atomic_load_n(&heap->idle, __ATOMIC_RELAXED) &&
		    __atomic_add_fetch(&idle_mail, units, __ATOMIC_RELAXED) > IDLE_MAIL_MOST)
			tidy_idle(false);
	}
	if (news & NEWS_EMPTY &&
	    __atomic_add_fetch(&heap->left, units, __ATOMIC_RELAXED) > LEFT_MOST)
		heap_close_left(heap);
}

/* Heaps and threads */

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
	heap_list(heap);
	return heap;
}

/* A heap without a thread, or a new one; NULL and ENOMEM. *noticed: there is a key. */
static struct heap *heap_take(bool *noticed)
{
	struct heap *heap;

	central_take();
	get_ready();
	*noticed = has_key;
	heap = idle_remove();
	if (!heap)
		heap = heap_make();
	central_give();
	return heap;
}

static void heap_give(struct heap *heap)
{
	central_take();
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
 * The thread ends. It may still free, and allocate in the destructors of other keys: then it
 * borrows, as this destructor need not be called once more.
 */
static void heap_leave(void *arg)
{
	struct heap *heap = arg;

	/* What a fork has left half done is nobody's (after_fork). */
	if (is_half_done(heap))
		return;
	if (__atomic_load_n(&idle_count, __ATOMIC_RELAXED) < IDLE_READY_MOST) {
		begin(heap);
		read_mail(heap);
		finish(heap);
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

/* Slots */

/* A new slab; NULL and ENOMEM. */
static struct slab *open_slab(struct heap *heap, unsigned int class)
{
	struct stock *stock = &heap->stock[class];

	if (__atomic_load_n(&idle_mail, __ATOMIC_RELAXED))
		tidy_idle(false);
	stock_shrink(heap);
	if (stock->missed) {
		stock->missed--;
		stock->most++;
	}
	return slab_open(class, heap, heap->filled[class]);
}

/* A slab of the class with a free slot, first in its list; NULL and ENOMEM. */
static struct slab *find_slab(struct heap *heap, unsigned int class)
{
	struct slab *slab;

	read_mail(heap);
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
	slab = heap_stock_take(heap, class);
	if (!slab)
		slab = open_slab(heap, class);
	if (!slab)
		return NULL;
	list_add(heap, slab);
	slab_refill(slab);
	return slab;
}

/* A slot of the class; NULL and ENOMEM. */
static void *slot_of_class(struct heap *heap, unsigned int class)
{
	struct slab *slab = heap->lists[class];
	int error = errno;
	void *slot;

	if (!slab || !slab->free) {
		begin(heap);
		slab = find_slab(heap, class);
		finish(heap);
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

void *heap_alloc_slow(struct heap *heap, size_t size)
{
	bool borrowed;
	void *slot;

	if (likely(heap != &heap_none))
		return slot_of_class(heap, class_of(size));
	heap = heap_enter();
	if (!heap)
		return NULL;
	borrowed = heap != heap_mine;
	slot = slot_of_class(heap, class_of(size));
	if (borrowed)
		heap_give(heap);
	return slot;
}

void heap_tidy(void)
{
	/* Threads without a heap share heap_none, which nobody may write. */
	if (heap_mine != &heap_none)
		tidy(heap_mine, false);
	tidy_idle(true);
}
