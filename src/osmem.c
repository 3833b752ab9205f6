// SPDX-License-Identifier: BSD-3-Clause

/*
 * os_malloc(), os_calloc(), os_realloc(), os_free(): the policy of docs/contract.md, rule by
 * rule. An operation changes blocks only after its system calls have succeeded, so a failure
 * leaves every block unchanged (B1).
 */

#include "osmem.h"

#include <errno.h>
#include <string.h>

#include "block.h"
#include "fit.h"
#include "index.h"
#include "lock.h"
#include "map.h"
#include "os.h"

/* Begins an API call: takes the lock and records the name for misuse reports. */
static void enter(const char *api)
{
	lock_take();
	check_api = api;
	if (likely(heap.secret[0]))
		return;
	os_secret(heap.secret);
	heap.watched = WATCHED;
}

static const char *audit_heap(void)
{
	const char *fault = block_check();

	if (!fault)
		fault = fit_check();
	return fault ? fault : map_check();
}

/* Ends an API call. A debug build first audits everything if the call made a slow step. */
static void leave(void)
{
	const char *fault;

	if (DEBUG && heap.stepped) {
		heap.stepped = false;
		fault = audit_heap();
		if (fault)
			check_fail(fault, heap.last);
	}
	lock_give();
}

/* A(n), the usable bytes of a request (G2). size must not exceed SIZE_LIMIT. */
static size_t usable_for(size_t size)
{
	return (size + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
}

/* W1, W2: whether a block of usable bytes belongs on the heap, given the limit. */
static bool belongs_on_heap(size_t usable, size_t limit)
{
	return usable + HEADER < limit;
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* The heap */

/* S1, S2: whether the part of b after usable bytes is large enough for a block. */
static bool splits(const struct header *b, size_t usable)
{
	return b->size - usable >= SPLIT_MIN;
}

/* Shortens the live block b to usable bytes if S1 allows; the rest becomes free (S3). */
static void shorten(struct header *b, size_t usable)
{
	struct header *rest;

	if (!splits(b, usable))
		return;
	payload_resize(block_payload(b), b->size, usable);
	rest = block_split(b, usable);
	block_make_live(b);
	fit_add(rest);
}

/* Makes the free block b, already removed from its run, live with at least usable bytes. */
static void occupy(struct header *b, size_t usable)
{
	struct header *rest = splits(b, usable) ? block_split(b, usable) : NULL;

	block_make_live(b);
	if (rest)
		fit_add(rest);
}

/* F1: creates one free block at the break; false and ENOMEM on failure. */
static bool first_use(void)
{
	struct header *b = block_first();

	if (b)
		fit_add(b);
	return b;
}

/* H3: grows the last block, which is free and has last bytes once merged, to usable bytes. */
static struct header *place_in_last(size_t usable, size_t last)
{
	struct header *b;

	if (!block_grow_last(usable - last))
		return NULL;
	fit_merge_all();
	b = heap.last;
	fit_remove(b);
	block_extend_last(usable - last);
	block_make_live(b);
	return b;
}

/*
 * Allocates a heap block of usable bytes (F1, H1 to H5); NULL and ENOMEM on failure.
 * last_taken: the free blocks at the heap's end belong to a block that is being resized (X8),
 * so the last block counts as live.
 */
static struct header *place(size_t usable, bool last_taken)
{
	struct header *b;
	size_t last;

	if (unlikely(!heap.tail) && !first_use())
		return NULL;
	b = index_best(usable);
	if (likely(b)) {
		fit_merge_all();
		if (unlikely(b->size < usable))
			check_fail("overwritten header", block_payload(b));
		fit_remove(b);
		occupy(b, usable);
		return b;
	}
	last = fit_last();
	if (last && !last_taken && block_at_break(heap.last))
		return place_in_last(usable, last);
	b = block_append(usable);
	if (b)
		fit_merge_all();
	return b;
}

/* Heap and mappings */

/* Allocates size bytes, on the heap below limit, else mapped; NULL and ENOMEM on failure. */
static struct header *create(size_t size, size_t limit)
{
	struct header *b;
	size_t usable;

	if (size > SIZE_LIMIT) {
		errno = ENOMEM;
		return NULL;
	}
	usable = usable_for(size);
	b = belongs_on_heap(usable, limit) ? place(usable, false) : map_create(usable);
	if (b)
		payload_alloc(block_payload(b), b->size, b->status == STATUS_MAPPED);
	return b;
}

/* R1, R2: frees a live block; false and ENOMEM if it cannot be unmapped. */
static bool release(struct header *b)
{
	if (b->status != STATUS_MAPPED)
		fit_add(b);
	else if (!map_destroy(b))
		return false;
	payload_free(block_payload(b));
	return true;
}

static int ignore(const struct header *b, void *arg)
{
	(void)b;
	(void)arg;
	return 0;
}

/* The block that contains ptr, a heap address; aborts if its header was overwritten. */
static const struct header *block_around(const void *ptr)
{
	const struct header *b = block_near((uintptr_t)ptr);

	if (!b)
		b = index_large_around((uintptr_t)ptr);
	/* Still none: some header was overwritten. The walk finds it and aborts. */
	if (!b)
		block_walk(ignore, NULL);
	return b;
}

/* B4: the block, live or free, with the payload ptr; NULL if there is none. */
static struct header *find(const void *ptr)
{
	struct header *b = block_find(ptr);

	if (likely(b))
		return b;
	if (!block_on_heap((uintptr_t)ptr))
		return map_find(ptr);
	block_around(ptr);
	return NULL;
}

/* B4: the name of the misuse of ptr, for which find() returned NULL. */
static const char *misuse_of(const void *ptr)
{
	const struct header *b;

	if (!block_on_heap((uintptr_t)ptr))
		return map_holds(ptr) ? "interior pointer" : "invalid pointer";
	b = block_around(ptr);
	return b && block_is_free(b) ? "double free" : "interior pointer";
}

/* Copies the payload (X9). */
static void copy_payload(struct header *to, const struct header *from, size_t usable)
{
	memcpy(block_payload(to), block_payload(from), least(from->size, usable));
}

/* Resizing: each function returns the block that now holds the payload, or NULL and ENOMEM */

/*
 * X3, X5: moves b's payload to a new block, placed by W3. If the old mapping cannot be unmapped,
 * the new block is freed instead.
 */
static struct header *move(struct header *b, size_t size)
{
	struct header *to = create(size, MMAP_THRESHOLD);

	if (!to)
		return NULL;
	copy_payload(to, b, usable_for(size));
	if (release(b))
		return to;
	release(to);
	errno = ENOMEM;
	return NULL;
}

/* X6: grows b, the last block, which ends at the break. */
static struct header *grow_at_break(struct header *b, size_t usable)
{
	size_t more = usable - b->size;

	if (!block_grow_last(more))
		return NULL;
	payload_resize(block_payload(b), b->size, usable);
	block_extend_last(more);
	block_make_live(b);
	return b;
}

/* X7: absorbs free right neighbours one by one until b has usable bytes or none is left. */
static void absorb(struct header *b, size_t usable)
{
	size_t before = b->size;

	fit_absorb(b, usable);
	if (b->size == before)
		return;
	block_make_live(b);
	payload_resize(block_payload(b), before, b->size);
}

/* X8: b absorbs its free neighbours, but only after the new block has been allocated. */
static struct header *move_on_heap(struct header *b, size_t usable, bool takes_last)
{
	struct header *to = place(usable, takes_last);

	if (!to)
		return NULL;
	payload_alloc(block_payload(to), to->size, false);
	copy_payload(to, b, usable);
	absorb(b, usable);
	release(b);
	return to;
}

/* Resizes a live heap block (X4 to X8). */
static struct header *resize(struct header *b, size_t size)
{
	size_t usable = usable_for(size);
	bool takes_last;
	size_t right;

	if (usable > b->size) {
		if (!belongs_on_heap(usable, MMAP_THRESHOLD))
			return move(b, size);
		if (block_at_break(b))
			return grow_at_break(b, usable);
		right = fit_right_of(b, &takes_last);
		if (!right || b->size + HEADER + right < usable)
			return move_on_heap(b, usable, takes_last);
		absorb(b, usable);
	}
	shorten(b, usable);
	return b;
}

/* Resizes a block found by find() (X1 to X8); returns NULL also where X1 and X2 do. */
static struct header *reallocate(struct header *b, size_t size)
{
	if (block_is_free(b))
		return NULL;
	if (size == 0) {
		release(b);
		return NULL;
	}
	if (size > SIZE_LIMIT) {
		errno = ENOMEM;
		return NULL;
	}
	return b->status == STATUS_MAPPED ? move(b, size) : resize(b, size);
}

/* The interface */

OSMEM_API void *os_malloc(size_t size)
{
	struct header *b;

	if (size == 0)
		return NULL;
	enter("os_malloc");
	b = create(size, MMAP_THRESHOLD);
	leave();
	return b ? block_payload(b) : NULL;
}

OSMEM_API void *os_calloc(size_t nmemb, size_t size)
{
	size_t total;
	struct header *b;
	bool zero;

	if (nmemb == 0 || size == 0)
		return NULL;
	if (__builtin_mul_overflow(nmemb, size, &total))
		total = SIZE_MAX;
	enter("os_calloc");
	b = create(total, os_page_size());
	/* Read status under the lock: later, another thread may write to this header. */
	zero = b && b->status == STATUS_ALLOC;
	leave();
	/* H6: clear a heap block; a mapping is already zero. */
	if (zero)
		memset(block_payload(b), 0, total);
	return b ? block_payload(b) : NULL;
}

OSMEM_API void *os_realloc(void *ptr, size_t size)
{
	struct header *b;

	if (!ptr && size == 0)
		return NULL;
	enter("os_realloc");
	if (!ptr) {
		b = create(size, MMAP_THRESHOLD);
	} else {
		b = find(ptr);
		if (b)
			b = reallocate(b, size);
		else
			errno = EINVAL;
	}
	leave();
	return b ? block_payload(b) : NULL;
}

OSMEM_API void os_free(void *ptr)
{
	struct header *b;

	if (!ptr)
		return;
	enter("os_free");
	b = find(ptr);
	if (!b || block_is_free(b))
		check_fail(b ? "double free" : misuse_of(ptr), ptr);
	release(b);
	leave();
}

OSMEM_API const char *osmem_check(void)
{
	const char *fault;

	enter("osmem_check");
	fault = audit_heap();
	leave();
	return fault;
}

/* The callback of osmem_walk(), which gets blocks as struct block_meta. */
struct visit {
	osmem_visit_fn *function;
	void *arg;
};

static int show(const struct header *b, void *arg)
{
	const struct visit *visit = arg;

	return visit->function((const struct block_meta *)b, visit->arg);
}

OSMEM_API int osmem_walk(osmem_visit_fn *visit, void *arg)
{
	struct visit shown = { visit, arg };
	int stop;

	enter("osmem_walk");
	stop = block_walk(show, &shown);
	if (!stop)
		stop = map_walk(show, &shown);
	leave();
	return stop;
}

OSMEM_API const char *osmem_version(void)
{
	return "osmem " OSMEM_VERSION;
}
