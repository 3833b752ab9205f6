/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Spans: runs of units of 16 KiB in chunks of 4 to 32 MiB, shared by all threads. A new chunk is
 * mapped when no chunk has room. A freed span keeps its pages ("dirty" units), and the next span is
 * taken from dirty units if possible. When there are too many, the kernel gets their pages
 * (span_purge, purge.h).
 *
 * Invariants; span_check() names the first three, audit.h all of the allocator:
 *
 *  1. A unit is dirty only if it is not used.
 *  2. chunk.used_units, chunk.dirty_units and the totals are what the bitmaps say.
 *  3. No run of free or of dirty units in a chunk is longer than chunk.longest says, or than
 *     the bounds of the chunk do (bounds.h).
 *  4. Each used unit is in the span of one slab, and the page map has that slab for it, except for
 *     the units of a large block after the first, for which it has none.
 *
 * The lock must be held for all functions. Lengths are units: multiples of four where pages have
 * 64 KiB.
 */

#ifndef SPAN_H
#define SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bits.h"
#include "os.h"
#include "pagemap.h"

#define CHUNK_LEAST	(4UL * 1024 * 1024 / UNIT)
#define CHUNK_MOST	(32UL * 1024 * 1024 / UNIT)
#define SPAN_MOST	(CHUNK_MOST / 4)	/* longer spans become mappings of their own */

#define UNIT_WORDS	(CHUNK_MOST / WORD_BITS)

/*
 * Lengths and addresses of spans and mappings are multiples of so many bytes: a unit, or a page
 * where that is larger, so that no two share a page.
 */
static inline size_t span_step(void)
{
	size_t page = os_page_size();

	return page > UNIT ? page : UNIT;
}

/* Units that so many bytes take. */
static inline unsigned int units_of(size_t bytes)
{
	size_t step = span_step();

	return (unsigned int)(((bytes + step - 1) & ~(step - 1)) / UNIT);
}

struct chunk {
	uintptr_t start;		/* of unit 0 */
	unsigned int units;
	unsigned int used_units;
	unsigned int dirty_units;
	unsigned int number;		/* stays, also while the chunk has no memory */
	uint16_t longest[2];		/* no run of free units is longer; no run of dirty ones */
	bool huge;			/* may have huge pages; for dense spans only */
	bool holes;			/* was purged: no huge pages until it is empty */
	unsigned int generation;	/* lock.h's when it was mapped; if older, it is lost */
	uintptr_t mapping;		/* its address and bytes */
	size_t length;
	struct chunk *next;		/* among those without memory */
	uint64_t used[UNIT_WORDS];	/* bit u: unit u belongs to a span */
	uint64_t dirty[UNIT_WORDS];	/* bit u: unit u is free, and may have pages */
};

struct span {
	uintptr_t start;	/* 0: no memory */
	unsigned int units;
	bool clean;		/* all of it is zero, and without pages */
	struct chunk *chunk;
};

/* Units in all chunks: all, those in spans, and those that are free and may have pages. */
struct span_totals {
	size_t mapped;
	size_t used;
	size_t dirty;
};

extern struct span_totals span_totals;

/* The same, without what a new generation lost (lock.h). */
struct span_totals span_count(void);

/* Whether a chunk was mapped since this was made false; read without the lock. */
extern bool span_grown;

/*
 * Takes a span of so many units at a multiple of alignment units, a power of two. units + alignment
 * must be at most SPAN_MOST. .start is 0, with ENOMEM, if there is no memory. dense: all of it will
 * be used, so that huge pages waste nothing.
 */
struct span span_take_aligned(unsigned int units, unsigned int alignment, bool dense);

static inline struct span span_take(unsigned int units, bool dense)
{
	return span_take_aligned(units, 1, dense);
}

/* Resizes a span in place; false if there is no room. */
bool span_resize(struct span *span, unsigned int units);

/* Makes a span inaccessible and clean; false if it is as before, or purged. */
bool span_hide(struct span span);

/* Frees a span; true if so much was dirty that it was purged. */
bool span_give(struct span span);

/* Purges all dirty units except the first keep ones; returns how many. */
size_t span_purge(size_t keep);

/* Unmaps chunks without a used unit. */
void span_release(void);

/* NULL or the name of the broken invariant. */
const char *span_check(void);

#endif
