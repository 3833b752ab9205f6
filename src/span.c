// SPDX-License-Identifier: BSD-3-Clause

#include "span.h"

#include <errno.h>

#include "meta.h"
#include "os.h"
#include "pagemap.h"

#define WORD_BITS	64U

/* Units that there have to be before chunks of huge pages are made: see docs/osmalloc.md. */
#define HUGE_FROM	(32UL * 1024 * 1024 / UNIT)
#define HUGE_PAGE	(2UL * 1024 * 1024)

/* Dirty units that are no reason for a purge: so many, and a share of those in use. */
#define DIRTY_LEAST	(1UL * 1024 * 1024 / UNIT)
#define DIRTY_SHARE	32

struct span_totals span_totals;

static struct chunk *chunks;	/* lowest-numbered first: the order in which they were mapped */
static struct chunk *spare;	/* descriptors without memory */
static unsigned int era;	/* counts how often they were abandoned */

/* How few dirty units there were since the last look, and how many it takes for the next. */
static size_t dirty_low;
static size_t dirty_next = DIRTY_LEAST;

/*
 * A turn: half as much again has been given back as is in use. The fewest dirty units
 * of a turn were not needed in it. Units that were purged and then taken again had better be
 * kept the next time. Every TURNS_KEPT turns part of both counts is forgotten: of what was
 * purged half, of what is kept so much as a share of what was not needed in all these turns.
 */
#define TURNS_KEPT	32
#define UNNEEDED_SHARE	4
#define REGRET_SHARE	8	/* of what is in use, may be kept because of that in any case */
#define REGRET_MOST	(64UL * 1024 * 1024 / UNIT)	/* and so much for another peak */

static struct history {
	size_t given;		/* in this turn */
	size_t dirty_low;	/* in this turn */
	size_t idle;		/* the same since the last TURNS_KEPT turns ended */
	size_t high;		/* units in use, at most, since the last TURNS_KEPT turns ended */
	size_t high_before;	/* and in those */
	unsigned int turns;
	size_t purged;		/* and not taken again */
	size_t regretted;	/* purged, and taken again */
} history;

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static bool bit_get(const uint64_t *bits, unsigned int n)
{
	return bits[n / WORD_BITS] >> n % WORD_BITS & 1;
}

/* The bits [from, from + count) of one word that belong to it. */
static uint64_t mask_in(unsigned int word, unsigned int from, unsigned int count)
{
	unsigned int low = from > word * WORD_BITS ? from - word * WORD_BITS : 0;
	unsigned int end = from + count - word * WORD_BITS;
	uint64_t below = end >= WORD_BITS ? ~0UL : (1UL << end) - 1;

	return low >= WORD_BITS ? 0 : below & ~0UL << low;
}

/* Sets or clears bits [from, from + count); returns how many of them were set. */
static unsigned int bits_assign(uint64_t *bits, unsigned int from, unsigned int count, bool on)
{
	unsigned int were = 0;

	for (unsigned int word = from / WORD_BITS; word * WORD_BITS < from + count; word++) {
		uint64_t mask = mask_in(word, from, count);

		were += (unsigned int)__builtin_popcountl(bits[word] & mask);
		bits[word] = on ? bits[word] | mask : bits[word] & ~mask;
	}
	return were;
}

/* The first bit in [n, end) that is on (or off), end when there is none. */
static unsigned int bits_next(const uint64_t *bits, unsigned int n, unsigned int end, bool on)
{
	while (n < end) {
		uint64_t word = bits[n / WORD_BITS];
		uint64_t left = (on ? word : ~word) >> n % WORD_BITS;

		if (left) {
			n += (unsigned int)__builtin_ctzl(left);
			return n < end ? n : end;
		}
		n = (n / WORD_BITS + 1) * WORD_BITS;
	}
	return end;
}

/* Where so many bits in a row are on (or off), end when nowhere; and how many are at most. */
static unsigned int bits_fit(const uint64_t *bits, unsigned int end, unsigned int count, bool on,
			     unsigned int *longest)
{
	unsigned int from = bits_next(bits, 0, end, on);

	*longest = 0;
	while (from < end) {
		unsigned int stop = bits_next(bits, from, end, !on);

		if (stop - from > *longest)
			*longest = stop - from;
		if (stop - from >= count)
			return from;
		from = bits_next(bits, stop, end, on);
	}
	return end;
}

/* Where the chunk has so many free units in a row, chunk->units when nowhere. */
static unsigned int chunk_fit(struct chunk *chunk, unsigned int units, bool dirty)
{
	unsigned int longest, from;

	if (units > (dirty ? chunk->dirty_units : chunk->room))
		return chunk->units;
	from = bits_fit(dirty ? chunk->dirty : chunk->used, chunk->units, units, dirty, &longest);
	if (!dirty && from == chunk->units)
		chunk->room = longest;
	return from;
}

/* Maps memory for a chunk of so many units; false and ENOMEM. */
static bool chunk_map(struct chunk *chunk, size_t units, bool huge)
{
	size_t length = units * UNIT;
	void *memory = huge ? os_map_aligned(length, HUGE_PAGE) : os_map(length);
	uintptr_t skew = -(uintptr_t)memory & (UNIT - 1);

	if (!memory)
		return false;
	if (!pagemap_reserve((uintptr_t)memory, length)) {
		os_unmap(memory, length);
		return false;
	}
	if (huge)
		os_prefer_huge(memory, length);
	/* A unit that does not fit is left out: cheaper than to give both ends back. */
	units -= skew > 0;
	*chunk = (struct chunk){
		.start = (uintptr_t)memory + skew, .units = (unsigned int)units,
		.room = (unsigned int)units, .huge = huge, .era = era,
		.mapping = (uintptr_t)memory, .length = length,
	};
	return true;
}

/* Units of the next chunk: the more there are, the more come. */
static size_t chunk_size(unsigned int units)
{
	size_t size = CHUNK_LEAST;

	while (size < CHUNK_MOST && (size < span_totals.mapped / 4 || size < 4 * units))
		size *= 2;
	return size;
}

/* The same where there is little memory: as large as may be, but for so many units. */
static bool chunk_map_small(struct chunk *chunk, unsigned int units)
{
	size_t least = units + 1;

	for (size_t size = chunk_size(units) / 2; size > least; size /= 2)
		if (chunk_map(chunk, size, false))
			return true;
	return chunk_map(chunk, least, false);
}

/* A new chunk at the end of the list, NULL and ENOMEM. */
static struct chunk *chunk_open(unsigned int units, bool dense)
{
	bool huge = dense && span_totals.mapped >= HUGE_FROM;
	struct chunk **last = &chunks;
	/* Read once: the child of a fork in between has none (central.h). */
	struct chunk *chunk = __atomic_load_n(&spare, __ATOMIC_RELAXED);
	struct chunk *next;
	int error = errno;

	if (!chunk) {
		chunk = meta_alloc(sizeof(*chunk));
		if (!chunk)
			return NULL;
		spare = chunk;
	}
	next = chunk->next;
	if (!chunk_map(chunk, chunk_size(units), huge) && !chunk_map_small(chunk, units))
		return NULL;
	errno = error;
	spare = next;
	while (*last)
		last = &(*last)->next;
	*last = chunk;
	span_totals.mapped += chunk->units;
	return chunk;
}

/* So many clean units were taken. */
static void history_take(size_t clean)
{
	size_t again = least(clean, history.purged);

	history.purged -= again;
	history.regretted += again;
	if (span_totals.used > history.high)
		history.high = span_totals.used;
	if (span_totals.dirty < history.dirty_low)
		history.dirty_low = span_totals.dirty;
}

/* Puts units into use; returns how many of them were dirty. */
static unsigned int chunk_use(struct chunk *chunk, unsigned int from, unsigned int units)
{
	unsigned int dirty = bits_assign(chunk->dirty, from, units, false);

	bits_assign(chunk->used, from, units, true);
	chunk->used_units += units;
	chunk->dirty_units -= dirty;
	span_totals.dirty -= dirty;
	span_totals.used += units;
	if (span_totals.dirty < dirty_low)
		dirty_low = span_totals.dirty;
	history_take(units - dirty);
	return dirty;
}

static struct chunk *find_chunk(unsigned int units, bool dense, bool dirty, unsigned int *from)
{
	struct chunk *chunk;

	if (dirty && span_totals.dirty < units)
		return NULL;
	for (chunk = chunks; chunk; chunk = chunk->next) {
		if (chunk->huge && !dense)
			continue;
		*from = chunk_fit(chunk, units, dirty);
		if (*from < chunk->units)
			break;
	}
	return chunk;
}

/* What has pages is taken first, then the first fit. */
struct span span_take(unsigned int units, bool dense)
{
	struct chunk *chunk;
	unsigned int from;
	bool clean;

	chunk = find_chunk(units, dense, true, &from);
	if (!chunk)
		chunk = find_chunk(units, dense, false, &from);
	if (!chunk) {
		chunk = chunk_open(units, dense);
		if (!chunk)
			return (struct span){ .start = 0 };
		from = 0;
	}
	clean = chunk_use(chunk, from, units) == 0;
	return (struct span){ chunk->start + from * UNIT, units, clean, chunk };
}

/* Purging */

/* Gives the chunk's dirty pages back after the first keep units; a refusal leaves them dirty. */
static void chunk_purge(struct chunk *chunk, size_t *keep)
{
	unsigned int from = bits_next(chunk->dirty, 0, chunk->units, true);

	while (from < chunk->units) {
		unsigned int end = bits_next(chunk->dirty, from, chunk->units, false);
		unsigned int stay = (unsigned int)least(*keep, end - from);

		*keep -= stay;
		from += stay;
		if (from < end && os_purge((void *)(chunk->start + from * UNIT),
					   (end - from) * UNIT)) {
			bits_assign(chunk->dirty, from, end - from, false);
			chunk->dirty_units -= end - from;
			span_totals.dirty -= end - from;
		}
		from = bits_next(chunk->dirty, end, chunk->units, true);
	}
}

size_t span_purge(size_t keep)
{
	size_t before = span_totals.dirty;

	for (struct chunk *chunk = chunks; chunk; chunk = chunk->next)
		chunk_purge(chunk, &keep);
	return before - span_totals.dirty;
}

/*
 * Dirty units that are kept since those before them were regretted: as far as they get the
 * program back to what it used lately, if that is not too far, and a share more, as so much
 * is in pieces that are too small for what is asked for.
 */
static size_t worth_keeping(void)
{
	size_t used = span_totals.used;
	size_t high = history.high > history.high_before ? history.high : history.high_before;
	size_t below = high > used ? high - used : 0;

	return least(history.regretted, least(below, REGRET_MOST) + used / REGRET_SHARE);
}

static size_t dirty_limit(void)
{
	return DIRTY_LEAST + span_totals.used / DIRTY_SHARE + worth_keeping();
}

/* Gives back what was not needed, if it is more than may lie about; low: the fewest there were. */
static void purge_stale(size_t low)
{
	history.purged += span_purge(span_totals.dirty - low + worth_keeping());
}

/*
 * There are many dirty units. As many as were not taken again since the last look are
 * not expected to be taken soon: if these alone are too many, they go back to the kernel.
 */
static bool dirty_look(void)
{
	size_t limit = dirty_limit();
	bool stale = dirty_low > limit;

	if (stale)
		purge_stale(dirty_low);
	dirty_low = span_totals.dirty;
	dirty_next = limit > dirty_low + limit / 4 ? limit : dirty_low + limit / 4;
	return stale;
}

/* What was kept and never needed in many turns is no longer kept, bit by bit. */
static void turns_end(void)
{
	history.purged /= 2;
	history.regretted -= least(history.regretted, history.idle / UNNEEDED_SHARE);
	history.idle = span_totals.dirty;
	history.high_before = history.high;
	history.high = span_totals.used;
}

static bool turn_ends(void)
{
	bool stale = history.dirty_low > dirty_limit();

	history.idle = least(history.idle, history.dirty_low);
	if (stale)
		purge_stale(history.dirty_low);
	if (++history.turns % TURNS_KEPT == 0)
		turns_end();
	history.given = 0;
	history.dirty_low = span_totals.dirty;
	return stale;
}

bool span_give(struct span span)
{
	struct chunk *chunk = span.chunk;
	unsigned int from = (unsigned int)((span.start - chunk->start) / UNIT);

	if (unlikely(chunk->era != era)) {
		os_purge((void *)span.start, span.units * UNIT);
		return false;
	}
	bits_assign(chunk->used, from, span.units, false);
	bits_assign(chunk->dirty, from, span.units, true);
	chunk->used_units -= span.units;
	chunk->dirty_units += span.units;
	chunk->room = chunk->units;
	span_totals.used -= span.units;
	span_totals.dirty += span.units;
	history.given += span.units;
	if (history.given > span_totals.used + span_totals.used / 2 + DIRTY_LEAST)
		return turn_ends();
	return span_totals.dirty > dirty_next && dirty_look();
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

		if (chunk->era != era || end + more > chunk->units ||
		    bits_next(chunk->used, end, end + more, true) < end + more)
			return false;
		chunk_use(chunk, end, more);
	}
	span->units = units;
	return true;
}

void span_release(void)
{
	struct chunk **link = &chunks;

	while (*link) {
		struct chunk *chunk = *link;

		if (chunk->used_units || !os_unmap((void *)chunk->mapping, chunk->length)) {
			link = &chunk->next;
			continue;
		}
		*link = chunk->next;
		span_totals.dirty -= chunk->dirty_units;
		span_totals.mapped -= chunk->units;
		chunk->next = spare;
		spare = chunk;
	}
}

void span_abandon(void)
{
	era++;
	chunks = NULL;
	spare = NULL;
	span_totals = (struct span_totals){ .mapped = 0 };
	history = (struct history){ .given = 0 };
	dirty_low = 0;
	dirty_next = DIRTY_LEAST;
}

/* Audit */

/* NULL or what is wrong with the chunk; adds its numbers. */
static const char *chunk_check(const struct chunk *chunk, struct span_totals *found)
{
	unsigned int used = 0;
	unsigned int dirty = 0;
	unsigned int row = 0;

	for (unsigned int n = 0; n < chunk->units; n++) {
		if (bit_get(chunk->used, n) && bit_get(chunk->dirty, n))
			return "span 1: dirty unit in use";
		used += bit_get(chunk->used, n);
		dirty += bit_get(chunk->dirty, n);
		row = bit_get(chunk->used, n) ? 0 : row + 1;
		if (row > chunk->room)
			return "span 3: room in a chunk";
	}
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

	for (const struct chunk *chunk = chunks; chunk && !broken; chunk = chunk->next)
		broken = chunk_check(chunk, &found);
	if (!broken && (found.mapped != span_totals.mapped || found.used != span_totals.used ||
			found.dirty != span_totals.dirty))
		broken = "span 2: totals";
	return broken;
}
