// SPDX-License-Identifier: BSD-3-Clause

#include "large.h"

#include <errno.h>

#include "lock.h"
#include "os.h"

/* A block that grows to so many bytes gets a mapping, which can move without being copied. */
#define GROWN_LEAST	(1024UL * 1024)

/* Larger blocks are zeroed by the kernel: the program may use few of their pages. */
#define CLEARED_MOST	(1024UL * 1024)

/*
 * Freed mappings are cached up to CACHED_LEAST bytes in all, or twice the largest one freed so far
 * that had at most CACHED_MAPPED_MOST / 2 bytes: a program that needs a large block tends to need
 * it again (after glibc: M_MMAP_THRESHOLD in mallopt(3)).
 */
#define CACHED_MAPPINGS	16U
#define CACHED_LEAST	(4UL * 1024 * 1024)
#define CACHED_MAPPED_MOST	(64UL * 1024 * 1024)

static struct {
	struct slab *slab[CACHED_MAPPINGS];	/* in the order in which they were freed */
	unsigned int count;
	size_t bytes;
	size_t most;
} cached = { .most = CACHED_LEAST };

/*
 * Freed mappings that the kernel refused to unmap, because that would have split one of its
 * mappings in two (vm.max_map_count). They have no pages, and are used again or unmapped later. A
 * search looks at REFUSED_TRIED of them.
 */
static struct slab *refused;
#define REFUSED_TRIED	16

/* Starts without freed mappings in a new generation (lock.h). */
static void freed_renew(void)
{
	static unsigned int generation;

	if (!lock_has_new_generation(&generation))
		return;
	cached.count = 0;
	cached.bytes = 0;
	refused = NULL;
}

struct large_totals large_totals;

static size_t round_up(size_t size, size_t to)
{
	return (size + to - 1) & ~(to - 1);
}

/* Sets the page map's entry of a block, which is for its first unit alone. */
static void set_entry(uintptr_t start, struct slab *slab)
{
	pagemap_set(start, UNIT, slab);
}

/*
 * The bytes of the guard behind a mapping: FENCE, or more, so that the next mapping of this
 * alignment begins right after it. The kernel counts adjacent mappings as one (vm.max_map_count).
 */
static size_t guard_for(size_t length, size_t alignment)
{
	size_t guarded = FENCE + length + FENCE;

	return FENCE + (alignment < SPAN_MOST * UNIT ? round_up(guarded, alignment) - guarded : 0);
}

static size_t guard_of(const struct slab *slab)
{
	return slab->units * UNIT;
}

static bool is_mapped(const struct slab *slab)
{
	return !slab->chunk;
}

/* The lock must be held for all static functions from here on. */

/* Adds to the totals, modulo 2^64: negative numbers are passed as their complement. */
static void count_mapped(size_t mappings, size_t bytes)
{
	struct large_totals *totals = &large_totals;

	totals->mappings += mappings;
	totals->bytes += bytes;
	if (totals->most_mappings < totals->mappings)
		totals->most_mappings = totals->mappings;
	if (totals->most_bytes < totals->bytes)
		totals->most_bytes = totals->bytes;
}

/* Unmaps a freed mapping. If the kernel refuses, purges it and keeps it for later. */
static void unmap(struct slab *slab)
{
	char *start = (char *)slab->start;

	if (os_unmap(start - FENCE, FENCE + slab->size + guard_of(slab))) {
		count_mapped(-1UL, -slab->size);
		slab_forget(slab);
		return;
	}
	slab->retained = true;
	slab->used_before = !os_purge(start, slab->size);
	if (FENCE)
		os_guard(start, slab->size);
	slab->next = refused;
	refused = slab;
}

/* Tries again to unmap the mapping that was refused last. */
static void refused_retry(void)
{
	struct slab *slab = refused;

	if (!slab)
		return;
	refused = slab->next;
	unmap(slab);
}

static void refused_retry_all(void)
{
	struct slab *slab = refused;

	refused = NULL;
	for (struct slab *next; slab; slab = next) {
		next = slab->next;
		unmap(slab);
	}
}

/* Takes a refused mapping that is large enough; NULL. A guarded one is not used again. */
static struct slab *refused_take(size_t length, size_t alignment)
{
	struct slab **link = &refused;

	if (FENCE)
		return NULL;
	for (int n = 0; *link && n < REFUSED_TRIED; n++, link = &(*link)->next) {
		struct slab *slab = *link;

		if (slab->size < length || slab->start % alignment)
			continue;
		*link = slab->next;
		return slab;
	}
	return NULL;
}

/* Spans */

static struct slab *alloc_span(size_t size, size_t alignment)
{
	struct span span = span_take_aligned(units_of(size), units_of(alignment), false);
	struct slab *slab = span.start ? slab_single(span, span.units * UNIT) : NULL;

	if (!slab) {
		if (span.start)
			span_give(span);
		return NULL;
	}
	set_entry(span.start, slab);
	return slab;
}

static bool resize_span(struct slab *slab, size_t length)
{
	struct span span = slab_span(slab);

	if (length > SPAN_MOST * UNIT || !span_resize(&span, (unsigned int)(length / UNIT)))
		return false;
	slab->units = span.units;
	slab->size = length;
	return true;
}

/* Cached mappings */

static struct slab *cached_remove(unsigned int n)
{
	struct slab *slab = cached.slab[n];

	cached.count--;
	cached.bytes -= slab->size;
	for (; n < cached.count; n++)
		cached.slab[n] = cached.slab[n + 1];
	return slab;
}

/* Unmaps the cached mapping that was freed first. */
static void cached_drop(void)
{
	unmap(cached_remove(0));
}

size_t large_release(void)
{
	size_t before = large_totals.bytes;

	freed_renew();
	while (cached.count)
		cached_drop();
	refused_retry_all();
	return before - large_totals.bytes;
}

void large_make_room(void)
{
	lock_take();
	large_release();
	span_release();
	lock_give();
}

/* Takes the best fit that wastes less than a fifth, or, with room to grow, the largest; NULL. */
static struct slab *cached_take(size_t length, size_t alignment, bool roomy)
{
	size_t best = roomy ? 0 : length + length / 4;
	unsigned int found = CACHED_MAPPINGS;

	for (unsigned int n = 0; n < cached.count; n++) {
		size_t has = cached.slab[n]->size;

		if (has < length || cached.slab[n]->start % alignment ||
		    (roomy ? has < best : has > best))
			continue;
		best = has;
		found = n;
	}
	return found < CACHED_MAPPINGS ? cached_remove(found) : NULL;
}

/*
 * Makes a freed mapping of the hardened build inaccessible and purges it. One with a longer guard
 * (a large alignment) is not cached, because the address space behind it would stay unused.
 */
static bool hide(struct slab *slab)
{
	return guard_of(slab) == FENCE && os_purge((void *)slab->start, slab->size) &&
	       os_guard((void *)slab->start, slab->size);
}

/* Whether the mapping begins inside a unit (resize_anywhere) and is unfit for a new block. */
static bool is_odd(const struct slab *slab)
{
	return slab->start % UNIT;
}

/* Caches a freed mapping, and unmaps others if there are too many; false: it is not cached. */
static bool cached_add(struct slab *slab)
{
	size_t length = slab->size;

	if (length <= CACHED_MAPPED_MOST / 2 && cached.most < 2 * length)
		cached.most = 2 * length;
	/* In a new generation, the cached mappings of the old one are lost: cache no more. */
	if (length > cached.most || lock_generation || (FENCE ? !hide(slab) : is_odd(slab)))
		return false;
	while (cached.count == CACHED_MAPPINGS || cached.bytes + length > cached.most)
		cached_drop();
	cached.slab[cached.count++] = slab;
	cached.bytes += length;
	slab->retained = true;
	return true;
}

/* Mappings */

/* Maps a block between guards. */
static char *map_guarded(size_t length, size_t alignment)
{
	return os_map_guarded(FENCE, length, guard_for(length, alignment), alignment);
}

static struct slab *alloc_fresh(size_t length, size_t alignment)
{
	struct span span = { .start = (uintptr_t)map_guarded(length, alignment), .clean = true };
	struct slab *slab;

	if (!span.start)
		return NULL;
	span.units = units_of(guard_for(length, alignment));
	slab = pagemap_reserve(span.start, UNIT) ? slab_single(span, length) : NULL;
	if (slab)
		count_mapped(1, length);
	else
		os_unmap((char *)span.start - FENCE,
			 FENCE + length + guard_for(length, alignment));
	return slab;
}

/*
 * A mapping that was freed; NULL. If no cached one fits, the oldest is unmapped. The hardened build
 * caches mappings only to keep their addresses out of use.
 */
static struct slab *alloc_freed(size_t length, size_t alignment, bool roomy)
{
	struct slab *slab;

	if (FENCE)
		return NULL;
	slab = cached_take(length, alignment, roomy);
	if (slab)
		slab->used_before = true;
	else if (cached.count)
		cached_drop();
	return slab ? slab : refused_take(length, alignment);
}

static struct slab *alloc_mapping(size_t size, size_t alignment, bool roomy)
{
	size_t length = round_up(size, span_step());
	struct slab *slab = alloc_freed(length, alignment, roomy);

	if (!slab && roomy)
		slab = alloc_fresh(round_up(length + length / 2, span_step()), alignment);
	if (!slab)
		slab = alloc_fresh(length, alignment);
	if (!slab)
		return NULL;
	slab->retained = false;
	set_entry(slab->start, slab);
	return slab;
}

static bool grow_here(struct slab *slab, size_t length)
{
	return os_resize((void *)slab->start, slab->size, length);
}

/* The block is at start now, with a guard of that length behind it. */
static void move_to(struct slab *slab, char *start, size_t guard)
{
	slab->units = units_of(guard);
	set_entry(slab->start, &slab_closed);
	slab->start = (uintptr_t)start;
	set_entry(slab->start, slab);
}

/* Moves the pages to a new mapping, without a copy, and unmaps the old guards. */
static bool resize_elsewhere(struct slab *slab, size_t length)
{
	size_t guard = guard_for(length, UNIT);
	char *onto = map_guarded(length, UNIT);
	char *from = (char *)slab->start;

	if (!onto)
		return false;
	if (!pagemap_reserve((uintptr_t)onto, UNIT) ||
	    !os_move(from, slab->size, onto, length)) {
		os_unmap(onto - FENCE, FENCE + length + guard);
		return false;
	}
	if (FENCE)
		os_unmap(from - FENCE, FENCE);
	if (guard_of(slab))
		os_unmap(from + slab->size, guard_of(slab));
	move_to(slab, onto, guard);
	return true;
}

/*
 * The same if there is no address space for a second mapping (RLIMIT_AS): the kernel chooses an
 * address, which may be inside a unit, and the guards move along.
 */
static bool resize_anywhere(struct slab *slab, size_t length)
{
	char *behind = (char *)slab->start + slab->size;
	size_t had = guard_of(slab);
	size_t guard = guard_for(length, UNIT);
	char *moved = NULL;

	if (!pagemap_reserve_anywhere())
		return false;
	if (!had || os_unguard(behind, had))
		moved = os_move_anywhere((char *)slab->start - FENCE, FENCE + slab->size + had,
					 FENCE + length + guard);
	if (moved) {
		if (guard)
			os_guard(moved + FENCE + length, guard);
		pagemap_reserve((uintptr_t)moved + FENCE, UNIT);
		move_to(slab, moved + FENCE, guard);
	} else if (had) {
		os_guard(behind, had);
	}
	pagemap_reserve_no_more();
	return moved;
}

/* Resizes with room to grow further if possible. */
static bool resize_roomy(struct slab *slab, size_t *length)
{
	size_t roomy = round_up(*length + *length / 2, span_step());

	if (grow_here(slab, roomy) || resize_elsewhere(slab, roomy)) {
		*length = roomy;
		return true;
	}
	return grow_here(slab, *length) || resize_elsewhere(slab, *length) ||
	       resize_anywhere(slab, *length);
}

/*
 * Unmaps the end of the block with the guard behind it: then the next mapping there may be any. If
 * the kernel refuses, the end is purged instead.
 */
static bool shrink(struct slab *slab, size_t *length)
{
	char *end = (char *)slab->start + *length;
	size_t less = slab->size - *length;

	if (os_unmap(end, less + guard_of(slab))) {
		slab->units = 0;
		return true;
	}
	*length = os_purge(end, less) ? slab->size : 0;
	return *length;
}

/* The guard stays next to the block: when the block shrinks, the guard becomes longer. */
static bool resize_guarded(struct slab *slab, size_t length)
{
	char *end = (char *)slab->start + length;
	size_t less = slab->size - length;

	if (length > slab->size)
		return resize_elsewhere(slab, length) || resize_anywhere(slab, length);
	if (!os_guard(end, less))
		return false;
	os_purge(end, less);
	slab->units += units_of(less);
	return true;
}

static bool resize_to(struct slab *slab, size_t *length)
{
	if (FENCE)
		return resize_guarded(slab, *length);
	return *length < slab->size ? shrink(slab, length) : resize_roomy(slab, length);
}

static bool resize_mapping(struct slab *slab, size_t length)
{
	if (length < GROWN_LEAST || !resize_to(slab, &length))
		return false;
	count_mapped(0, length - slab->size);
	slab->size = length;
	return true;
}

/* Blocks */

static bool fits_in_chunk(size_t size, size_t alignment)
{
	return size <= SPAN_MOST * UNIT && (alignment <= UNIT ||
	       (alignment < SPAN_MOST * UNIT && size <= SPAN_MOST * UNIT - alignment));
}

static struct slab *alloc_in_chunk(size_t size, size_t alignment, bool roomy)
{
	struct slab *slab = roomy ? alloc_span(size + size / 2, alignment) : NULL;

	return slab ? slab : alloc_span(size, alignment);
}

/* If the kernel refuses a mapping (RLIMIT_AS), a chunk may still have room. */
static struct slab *alloc_any(size_t size, size_t alignment, bool roomy)
{
	bool fits = fits_in_chunk(size, alignment);
	struct slab *slab = NULL;

	if (FENCE || !fits || (roomy && size > GROWN_LEAST))
		slab = alloc_mapping(size, alignment < UNIT ? UNIT : alignment, roomy);
	return slab || !fits ? slab : alloc_in_chunk(size, alignment, roomy);
}

static void *alloc(size_t size, size_t alignment, bool roomy)
{
	struct slab *slab;
	int error = errno;

	if (size > LARGE_MOST || alignment > LARGE_MOST - size) {
		errno = ENOMEM;
		return NULL;
	}
	lock_take();
	freed_renew();
	slab = alloc_any(size + !size, alignment, roomy);
	lock_give();
	if (!slab)
		return NULL;
	errno = error;
	slab->asked = roomy ? size : 0;
	return (void *)slab->start;
}

void *large_alloc(size_t size, size_t alignment)
{
	return alloc(size, alignment, false);
}

void *large_alloc_roomy(size_t size)
{
	return alloc(size, UNIT, true);
}

bool large_clear(struct slab *slab)
{
	return !slab->used_before ||
	       (slab->size > CLEARED_MOST && !FENCE &&
		os_purge((void *)slab->start, slab->size));
}

void large_free(struct slab *slab)
{
	lock_take();
	freed_renew();
	refused_retry();
	set_entry(slab->start, &slab_closed);
	if (!is_mapped(slab)) {
		span_give(slab_span(slab));
		slab_forget(slab);
	} else if (!cached_add(slab)) {
		unmap(slab);
	}
	lock_give();
}

void *large_resize(struct slab *slab, size_t size)
{
	size_t length = round_up(size, span_step());
	void *block = NULL;
	int error = errno;

	if (slab->owner || size > LARGE_MOST || size <= UNIT)
		return NULL;
	lock_take();
	freed_renew();
	if (is_mapped(slab) ? resize_mapping(slab, length) : resize_span(slab, length)) {
		block = (void *)slab->start;
		slab->asked = size;
	}
	lock_give();
	errno = error;
	return block;
}
