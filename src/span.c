// SPDX-License-Identifier: BSD-3-Clause

#include "span.h"

#include "meta.h"
#include "os.h"
#include "pagemap.h"

#define WORD_BITS	64U

/* Chunks that have to be there before further ones are of huge pages: see docs/osmalloc.md. */
#define HUGE_FROM	8

/* Dirty units that are no reason for a purge: so many, and a share of those in use. */
#define DIRTY_LEAST	(1UL * 1024 * 1024 / UNIT)
#define DIRTY_SHARE	32

struct span_totals span_totals;

static struct chunk *chunks;	/* lowest-numbered first: the order in which they were mapped */
static struct chunk *spare;	/* descriptors without memory */

/* How few dirty units there were since the last look, and how many it takes for the next. */
static size_t dirty_low;
static size_t dirty_next = DIRTY_LEAST;

/*
 * A turn: as much has been given back as there is. The fewest dirty units of a turn
 * were not needed in it. Units that were purged and then taken again had better be
 * kept the next time; both counts are forgotten by halves, every few turns.
 */
#define TURNS_KEPT	4

static struct {
	size_t given;		/* in this turn */
	size_t dirty_low;	/* in this turn */
	size_t high;		/* units in use, at most, in this turn */
	size_t high_before;	/* and in the one before */
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

/* The first bit from n on that is on (or off), CHUNK_UNITS when there is none. */
static unsigned int bits_next(const uint64_t *bits, unsigned int n, bool on)
{
	while (n < CHUNK_UNITS) {
		uint64_t word = bits[n / WORD_BITS];
		uint64_t left = (on ? word : ~word) >> n % WORD_BITS;

		if (left)
			return n + (unsigned int)__builtin_ctzl(left);
		n = (n / WORD_BITS + 1) * WORD_BITS;
	}
	return CHUNK_UNITS;
}

/* Where the chunk has so many free units in a row, CHUNK_UNITS when nowhere. */
static unsigned int chunk_fit(const struct chunk *chunk, unsigned int units)
{
	unsigned int from = bits_next(chunk->used, 0, false);

	while (from + units <= CHUNK_UNITS) {
		unsigned int end = bits_next(chunk->used, from, true);

		if (end - from >= units)
			return from;
		from = bits_next(chunk->used, end, false);
	}
	return CHUNK_UNITS;
}

/* A new chunk at the end of the list, NULL and ENOMEM. */
static struct chunk *chunk_open(void)
{
	struct chunk **last = &chunks;
	/* Read once: the child of a fork in between has none (central.h). */
	struct chunk *chunk = __atomic_load_n(&spare, __ATOMIC_RELAXED);
	void *memory;

	if (!chunk) {
		chunk = meta_alloc(sizeof(*chunk));
		if (!chunk)
			return NULL;
		spare = chunk;
	}
	memory = os_map_aligned(CHUNK, CHUNK);
	if (!memory)
		return NULL;
	if (!pagemap_reserve((uintptr_t)memory, CHUNK)) {
		os_unmap(memory, CHUNK);
		return NULL;
	}
	if (span_totals.chunks >= HUGE_FROM)
		os_prefer_huge(memory, CHUNK);
	spare = chunk->next;
	*chunk = (struct chunk){ .start = (uintptr_t)memory };
	while (*last)
		last = &(*last)->next;
	*last = chunk;
	span_totals.chunks++;
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

static void chunk_use(struct chunk *chunk, unsigned int from, unsigned int units)
{
	unsigned int dirty = bits_assign(chunk->dirty, from, units, false);

	bits_assign(chunk->used, from, units, true);
	chunk->used_units += units;
	span_totals.dirty -= dirty;
	span_totals.used += units;
	if (span_totals.dirty < dirty_low)
		dirty_low = span_totals.dirty;
	history_take(units - dirty);
}

struct span span_take(unsigned int units)
{
	unsigned int from = CHUNK_UNITS;
	struct chunk *chunk;

	for (chunk = chunks; chunk; chunk = chunk->next) {
		if (chunk->used_units + units > CHUNK_UNITS)
			continue;
		from = chunk_fit(chunk, units);
		if (from < CHUNK_UNITS)
			break;
	}
	if (!chunk) {
		chunk = chunk_open();
		if (!chunk)
			return (struct span){ .start = 0 };
		from = 0;
	}
	chunk_use(chunk, from, units);
	return (struct span){ chunk->start + from * UNIT, units, chunk };
}

/* Purging */

/* Gives the chunk's dirty pages back; a refusal leaves them dirty. */
static size_t chunk_purge(struct chunk *chunk)
{
	unsigned int from = bits_next(chunk->dirty, 0, true);
	size_t given = 0;

	while (from < CHUNK_UNITS) {
		unsigned int end = bits_next(chunk->dirty, from, false);

		if (os_purge((void *)(chunk->start + from * UNIT), (end - from) * UNIT)) {
			bits_assign(chunk->dirty, from, end - from, false);
			span_totals.dirty -= end - from;
			given += (end - from) * UNIT;
		}
		from = bits_next(chunk->dirty, end, true);
	}
	return given;
}

size_t span_purge(void)
{
	size_t given = 0;

	for (struct chunk *chunk = chunks; chunk; chunk = chunk->next)
		given += chunk_purge(chunk);
	return given;
}

/* No more is kept of what was regretted than gets the program back to what it used lately. */
static size_t dirty_limit(void)
{
	size_t high = history.high > history.high_before ? history.high : history.high_before;
	size_t below = high > span_totals.used ? high - span_totals.used : 0;

	return DIRTY_LEAST + span_totals.used / DIRTY_SHARE + least(history.regretted, below);
}

/*
 * There are many dirty units. What was never taken again since the last look
 * will not be soon: if that alone is too much, all go back to the kernel.
 */
static bool dirty_look(void)
{
	size_t limit = dirty_limit();
	bool stale = span_totals.dirty > limit && dirty_low > limit / 2;

	if (stale)
		history.purged += span_purge() / UNIT;
	dirty_low = span_totals.dirty;
	dirty_next = limit > dirty_low + limit / 4 ? limit : dirty_low + limit / 4;
	return stale;
}

static bool turn_ends(void)
{
	bool stale = history.dirty_low > DIRTY_LEAST + span_totals.used / DIRTY_SHARE;

	if (stale) {
		history.regretted /= 2;
		span_purge();
	}
	if (++history.turns % TURNS_KEPT == 0) {
		history.purged /= 2;
		history.regretted /= 2;
	}
	history.given = 0;
	history.dirty_low = span_totals.dirty;
	history.high_before = history.high;
	history.high = span_totals.used;
	return stale;
}

bool span_give(struct span span)
{
	struct chunk *chunk = span.chunk;
	unsigned int from = (unsigned int)((span.start - chunk->start) / UNIT);

	bits_assign(chunk->used, from, span.units, false);
	bits_assign(chunk->dirty, from, span.units, true);
	chunk->used_units -= span.units;
	span_totals.used -= span.units;
	span_totals.dirty += span.units;
	history.given += span.units;
	if (history.given > span_totals.used + span_totals.dirty)
		return turn_ends();
	return span_totals.dirty > dirty_next && dirty_look();
}

bool span_resize(struct span *span, unsigned int units)
{
	struct chunk *chunk = span->chunk;
	unsigned int end = (unsigned int)((span->start - chunk->start) / UNIT) + span->units;

	if (units < span->units) {
		span_give((struct span){ span->start + units * UNIT, span->units - units, chunk });
	} else {
		unsigned int more = units - span->units;

		if (end + more > CHUNK_UNITS || bits_next(chunk->used, end, true) < end + more)
			return false;
		chunk_use(chunk, end, more);
	}
	span->units = units;
	return true;
}

bool span_release(void)
{
	struct chunk **link = &chunks;
	bool released = false;

	while (*link) {
		struct chunk *chunk = *link;

		if (chunk->used_units || !os_unmap((void *)chunk->start, CHUNK)) {
			link = &chunk->next;
			continue;
		}
		*link = chunk->next;
		span_totals.dirty -= bits_assign(chunk->dirty, 0, CHUNK_UNITS, false);
		span_totals.chunks--;
		chunk->next = spare;
		spare = chunk;
		released = true;
	}
	return released;
}

void span_abandon(void)
{
	chunks = NULL;
	spare = NULL;
	span_totals = (struct span_totals){ .chunks = 0 };
}

/* Audit */

const char *span_check(void)
{
	struct span_totals found = { .chunks = 0 };

	for (const struct chunk *chunk = chunks; chunk; chunk = chunk->next) {
		unsigned int used = 0;

		for (unsigned int n = 0; n < CHUNK_UNITS; n++) {
			if (bit_get(chunk->used, n) && bit_get(chunk->dirty, n))
				return "span 1: dirty unit in use";
			used += bit_get(chunk->used, n);
			found.dirty += bit_get(chunk->dirty, n);
		}
		if (used != chunk->used_units)
			return "span 2: used units of a chunk";
		found.used += used;
		found.chunks++;
	}
	if (found.chunks != span_totals.chunks || found.used != span_totals.used ||
	    found.dirty != span_totals.dirty)
		return "span 2: totals";
	return NULL;
}
