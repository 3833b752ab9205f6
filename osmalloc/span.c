// SPDX-License-Identifier: BSD-3-Clause

#include "span.h"

#include <errno.h>

#include "bits.h"
#include "bounds.h"
#include "lock.h"
#include "meta.h"
#include "os.h"
#include "pagemap.h"
#include "purge.h"

/* Chunks of huge pages are mapped when there are so many units of other ones. */
#define HUGE_FROM	(32UL * 1024 * 1024 / UNIT)
#define HUGE_PAGE	(2UL * 1024 * 1024)	/* where pages have 4 KiB */

struct span_totals span_totals;
bool span_grown;

/*
 * All chunks, by number, also those without memory. Their quantities are the longest run of free
 * units and the longest run of dirty units, separately for dense spans and for others.
 */
static struct bounds chunks;
static unsigned int numbers;	/* of chunks so far */

enum quantity { FREE_SPARSE, FREE_DENSE, DIRTY_SPARSE, DIRTY_DENSE };

_Static_assert(DIRTY_DENSE < BOUNDS && CHUNK_MOST <= BITS_MOST, "a search sees all runs");

static struct chunk *spare;	/* descriptors without memory */
static unsigned int generation;

/* Starts without chunks in a new generation (lock.h). */
static void chunks_renew(void)
{
	if (!lock_has_new_generation(&generation))
		return;
	chunks = (struct bounds){ .below = { NULL } };
	numbers = 0;
	spare = NULL;
	span_totals = (struct span_totals){ .mapped = 0 };
	purge_reset();
}

struct span_totals span_count(void)
{
	chunks_renew();
	return span_totals;
}

/* Searches for a chunk */

static enum quantity quantity_of(bool dirty, bool dense)
{
	return (enum quantity)(2 * dirty + dense);
}

/* Records that the chunk has a run of so many free or dirty units. */
static void run_enter(struct chunk *chunk, bool dirty, unsigned int run)
{
	if (run <= chunk->longest[dirty])
		return;
	chunk->longest[dirty] = (uint16_t)run;
	for (int dense = chunk->huge; dense <= 1; dense++)
		bounds_raise(&chunks, chunk->number, quantity_of(dirty, dense), (uint16_t)run);
}

/* A search. */
struct request {
	unsigned int units;
	bool dense;
	bool dirty;
	unsigned int from;	/* the unit where it was found */
};

/* For bounds_find(): an upper bound of the chunk's longest run. */
static uint16_t chunk_look(void *item, void *arg)
{
	struct chunk *chunk = item;
	struct request *request = arg;
	unsigned int most;

	/* The number was a chunk's before that had no huge pages. */
	if (chunk->huge && !request->dense)
		return 0;
	request->from = bits_fit(request->dirty ? chunk->dirty : chunk->used, chunk->units,
				 request->units, request->dirty, &most);
	if (request->from < chunk->units)
		return (uint16_t)request->units;
	chunk->longest[request->dirty] = (uint16_t)most;
	return (uint16_t)most;
}

/* The first chunk with a run of so many units, dirty ones if possible, and its *from; NULL. */
static struct chunk *find_chunk(unsigned int units, bool dense, unsigned int *from)
{
	struct request request = { .units = units, .dense = dense };
	struct bounds_search search = { .least = units, .look = chunk_look, .arg = &request };
	struct chunk *chunk = NULL;

	for (int dirty = span_totals.dirty >= units; !chunk && dirty >= 0; dirty--) {
		request.dirty = dirty;
		search.quantity = quantity_of(dirty, dense);
		chunk = bounds_find(&chunks, BOUNDS_TOP, &search);
	}
	*from = request.from;
	return chunk;
}

/* Chunks */

/* If pages have 16 or 64 KiB, a huge page has 32 or 512 MiB: one byte would fill a chunk. */
static bool may_be_huge(void)
{
	return os_page_size() == 4096;
}

/* Maps memory for a chunk of so many units; false with ENOMEM. */
static bool chunk_map(struct chunk *chunk, size_t units, bool huge)
{
	size_t length = units * UNIT;
	void *memory = huge ? os_map_aligned(0, length, HUGE_PAGE) : os_map(length);
	uintptr_t skew = -(uintptr_t)memory & (UNIT - 1);

	if (!memory)
		return false;
	if (!pagemap_reserve((uintptr_t)memory, length)) {
		os_unmap(memory, length);
		return false;
	}
	if (huge)
		os_prefer_huge(memory, length);
	else if (!may_be_huge())
		os_avoid_huge(memory, length);
	if (GUARD_UNITS)
		os_guard(memory, length);
	/* Leaves out an incomplete unit: cheaper than unmapping both ends. */
	units -= skew > 0;
	*chunk = (struct chunk){
		.start = (uintptr_t)memory + skew, .units = (unsigned int)units,
		.number = chunk->number, .huge = huge, .holes = !may_be_huge(),
		.generation = generation,
		.mapping = (uintptr_t)memory, .length = length,
	};
	return true;
}

/* The units of the next chunk: more if more are mapped. */
static size_t chunk_size(unsigned int units)
{
	size_t size = CHUNK_LEAST;

	while (size < CHUNK_MOST && (size < span_totals.mapped / 4 || size < 4 * units))
		size *= 2;
	return size;
}

/* The same if there is little memory: as large as possible, at least so many units. */
static bool chunk_map_small(struct chunk *chunk, unsigned int units)
{
	/* A mapping may begin inside a unit (chunk_map). */
	size_t least = units + (os_page_size() < UNIT);

	for (size_t size = chunk_size(units) / 2; size > least; size /= 2)
		if (chunk_map(chunk, size, false))
			return true;
	return chunk_map(chunk, least, false);
}

/* The first spare descriptor, which stays spare; NULL with ENOMEM. */
static struct chunk *chunk_spare(void)
{
	/* Read once: the child of a fork in between has none (lock.h). */
	struct chunk *chunk = __atomic_load_n(&spare, __ATOMIC_RELAXED);

	if (chunk)
		return chunk;
	chunk = meta_alloc(sizeof(*chunk));
	if (!chunk || !bounds_enter(&chunks, numbers, chunk))
		return NULL;
	chunk->number = numbers++;
	spare = chunk;
	return chunk;
}

/* A new chunk; NULL with ENOMEM. */
static struct chunk *chunk_open(unsigned int units, bool dense)
{
	bool huge = dense && span_totals.mapped >= HUGE_FROM && may_be_huge();
	struct chunk *chunk = chunk_spare();
	struct chunk *next;
	int error = errno;

	if (!chunk)
		return NULL;
	next = chunk->next;
	if (!chunk_map(chunk, chunk_size(units), huge) && !chunk_map_small(chunk, units))
		return NULL;
	errno = error;
	spare = next;
	span_totals.mapped += chunk->units;
	__atomic_store_n(&span_grown, true, __ATOMIC_RELAXED);
	run_enter(chunk, false, chunk->units);
	return chunk;
}

/* Makes units accessible that are guards in the hardened build; false with ENOMEM. */
static bool chunk_show(struct chunk *chunk, unsigned int from, unsigned int units)
{
	return !GUARD_UNITS || bits_next(chunk->dirty, from, from + units, false) == from + units ||
	       os_unguard((void *)(chunk->start + from * UNIT), units * UNIT);
}

/* Marks units as used; returns how many were dirty. */
static unsigned int chunk_use(struct chunk *chunk, unsigned int from, unsigned int units)
{
	unsigned int dirty = bits_assign(chunk->dirty, from, units, false);

	/* A chunk without pages can have huge ones again. */
	if (chunk->huge && chunk->holes && !chunk->used_units && !chunk->dirty_units && !dirty) {
		chunk->holes = false;
		os_prefer_huge((void *)chunk->mapping, chunk->length);
	}
	bits_assign(chunk->used, from, units, true);
	chunk->used_units += units;
	chunk->dirty_units -= dirty;
	span_totals.dirty -= dirty;
	span_totals.used += units;
	purge_taken(span_totals.used, span_totals.dirty, units - dirty);
	return dirty;
}

/*
 * First fit, dirty units before others. Free units begin at page boundaries, so a run that is
 * longer than units by alignment minus the units of a page contains an aligned span.
 */
struct span span_take_aligned(unsigned int units, unsigned int alignment, bool dense)
{
	unsigned int room = units + alignment - (unsigned int)least(alignment, units_of(1));
	struct chunk *chunk;
	unsigned int from;
	bool clean;

	chunks_renew();
	chunk = find_chunk(room, dense, &from);
	if (!chunk) {
		chunk = chunk_open(room, dense);
		if (!chunk)
			return (struct span){ .start = 0 };
		from = 0;
	}
	from += -(unsigned int)(chunk->start / UNIT + from) & (alignment - 1);
	if (!chunk_show(chunk, from, units))
		return (struct span){ .start = 0 };
	clean = chunk_use(chunk, from, units) == 0;
	return (struct span){ chunk->start + from * UNIT, units, clean, chunk };
}

/* Purging */

static bool is_clean(const struct chunk *chunk, unsigned int unit)
{
	return !bit_get(chunk->used, unit) && !bit_get(chunk->dirty, unit);
}

/*
 * Purges dirty units; they stay dirty if the kernel refuses. A huge page would bring the pages back
 * (khugepaged), so from now on the chunk must not have any.
 */
static void run_purge(struct chunk *chunk, unsigned int from, unsigned int units)
{
	unsigned int end = from + units;
	unsigned int first = from;
	unsigned int purged;

	/*
	 * Clean units around may have pages as well, parts of huge ones. The dirty units between
	 * those behind are purged along with them.
	 */
	if (!chunk->holes) {
		end = bits_next(chunk->used, end, chunk->units, true);
		while (first && is_clean(chunk, first - 1))
			first--;
	}
	if (!units || !os_purge((void *)(chunk->start + first * UNIT), (end - first) * UNIT))
		return;
	if (GUARD_UNITS)
		os_guard((void *)(chunk->start + first * UNIT), (end - first) * UNIT);
	purged = bits_assign(chunk->dirty, first, end - first, false);
	chunk->dirty_units -= purged;
	span_totals.dirty -= purged;
	if (!chunk->holes)
		os_avoid_huge((void *)chunk->mapping, chunk->length);
	chunk->holes = true;
}

/* Purges the chunk's dirty units except the first keep ones. */
static void chunk_purge(struct chunk *chunk, size_t *keep)
{
	unsigned int from = bits_next(chunk->dirty, 0, chunk->units, true);

	while (from < chunk->units) {
		unsigned int end = bits_next(chunk->dirty, from, chunk->units, false);
		unsigned int stay = units_of(least(*keep, end - from) * UNIT);

		*keep -= least(*keep, stay);
		run_purge(chunk, from + stay, end - from - stay);
		from = bits_next(chunk->dirty, end, chunk->units, true);
	}
}

size_t span_purge(size_t keep)
{
	size_t before = span_count().dirty;

	for (unsigned int n = 0; n < numbers; n++) {
		struct chunk *chunk = bounds_item(&chunks, n);

		if (chunk)
			chunk_purge(chunk, &keep);
	}
	return before - span_totals.dirty;
}

/* The length of the run of dirty (or free) units around unit n. */
static unsigned int run_around(const struct chunk *chunk, unsigned int n, bool dirty)
{
	const uint64_t *bits = dirty ? chunk->dirty : chunk->used;

	return bits_next(bits, n, chunk->units, !dirty) - bits_begin(bits, n, dirty);
}

/* Whether the chunk is of an earlier generation, so that nothing of it is used again. */
static bool is_lost(const struct chunk *chunk)
{
	chunks_renew();
	return chunk->generation != generation;
}

bool span_hide(struct span span)
{
	return os_purge((void *)span.start, span.units * UNIT) &&
	       os_guard((void *)span.start, span.units * UNIT);
}

bool span_give(struct span span)
{
	struct chunk *chunk = span.chunk;
	unsigned int from = (unsigned int)((span.start - chunk->start) / UNIT);
	size_t keep, purged;
	bool stale;

	if (unlikely(is_lost(chunk))) {
		os_purge((void *)span.start, span.units * UNIT);
		return false;
	}
	bits_assign(chunk->used, from, span.units, false);
	chunk->used_units -= span.units;
	span_totals.used -= span.units;
	run_enter(chunk, false, run_around(chunk, from, false));
	if (span.clean)
		return false;
	bits_assign(chunk->dirty, from, span.units, true);
	chunk->dirty_units += span.units;
	span_totals.dirty += span.units;
	run_enter(chunk, true, run_around(chunk, from, true));
	keep = purge_given(span_totals.used, span_totals.dirty, span.units);
	stale = keep < span_totals.dirty;
	purged = stale ? span_purge(keep) : 0;
	purge_done(span_totals.used, span_totals.dirty, purged);
	return stale;
}

bool span_resize(struct span *span, unsigned int units)
{
	struct chunk *chunk = span->chunk;
	unsigned int end = (unsigned int)((span->start - chunk->start) / UNIT) + span->units;

	if (units < span->units) {
		struct span rest = *span;

		rest.start += units * UNIT;
		rest.units -= units;
		span_give(rest);
	} else {
		unsigned int more = units - span->units;

		if (is_lost(chunk) || end + more > chunk->units ||
		    bits_next(chunk->used, end, end + more, true) < end + more ||
		    !chunk_show(chunk, end, more))
			return false;
		chunk_use(chunk, end, more);
	}
	span->units = units;
	return true;
}

/* Unmaps a chunk without a used unit, unless the kernel refuses. */
static void chunk_close(struct chunk *chunk)
{
	if (!os_unmap((void *)chunk->mapping, chunk->length))
		return;
	span_totals.dirty -= chunk->dirty_units;
	span_totals.mapped -= chunk->units;
	*chunk = (struct chunk){ .number = chunk->number, .generation = generation, .next = spare };
	spare = chunk;
}

void span_release(void)
{
	chunks_renew();
	for (unsigned int n = 0; n < numbers; n++) {
		struct chunk *chunk = bounds_item(&chunks, n);

		if (chunk && chunk->units && !chunk->used_units)
			chunk_close(chunk);
	}
}

/* Audit */

/* Whether no run of the chunk is longer than its bounds say. */
static bool is_bounded(const struct chunk *chunk, bool dirty)
{
	unsigned int least = chunk->longest[dirty];
	unsigned int run;

	for (int dense = chunk->huge; dense <= 1; dense++) {
		run = bounds_least(&chunks, chunk->number, quantity_of(dirty, dense));
		least = run < least ? run : least;
	}
	return bits_fit(dirty ? chunk->dirty : chunk->used, chunk->units, least + 1, dirty, &run) ==
	       chunk->units;
}

/* NULL or the invariant that the chunk breaks; adds its numbers to the totals. */
static const char *chunk_check(const struct chunk *chunk, struct span_totals *found)
{
	unsigned int used = 0;
	unsigned int dirty = 0;

	for (unsigned int n = 0; n < chunk->units; n++) {
		if (bit_get(chunk->used, n) && bit_get(chunk->dirty, n))
			return "span 1: dirty unit in use";
		used += bit_get(chunk->used, n);
		dirty += bit_get(chunk->dirty, n);
	}
	if (!is_bounded(chunk, false) || !is_bounded(chunk, true))
		return "span 3: bounds of runs";
	found->used += used;
	found->dirty += dirty;
	found->mapped += chunk->units;
	if (used != chunk->used_units || dirty != chunk->dirty_units)
		return "span 2: units of a chunk";
	return NULL;
}

const char *span_check(void)
{
	struct span_totals found = { .mapped = 0 };
	const char *broken = NULL;

	for (unsigned int n = 0; n < numbers && !broken; n++)
		broken = chunk_check(bounds_item(&chunks, n), &found);
	if (!broken && (found.mapped != span_totals.mapped || found.used != span_totals.used ||
			found.dirty != span_totals.dirty))
		broken = "span 2: totals";
	return broken;
}
