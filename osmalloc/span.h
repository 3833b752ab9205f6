/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Spans: runs of units of 16 KiB in chunks of 4 to 32 MiB, shared by all threads; what
 * has pages is taken first. A chunk is mapped when no other has room. A span that is given back
 * keeps its pages for the next taker; once many are kept, the kernel gets all of
 * them in one go (span_purge).
 *
 * Invariants; span_check() names the first three, audit.h all of the allocator:
 *
 *  1. A unit is dirty only if it is not used.
 *  2. chunk.used_units, chunk.dirty_units and the totals are what the bitmaps say.
 *  3. No run of free or of dirty units in a chunk is longer than chunk.longest says, or than
 *     the bounds of the chunk do (bounds.h).
 *  4. Each used unit is in the span of one slab, to which the page map leads from it; from those
 *     of a large block but the first it leads nowhere.
 *
 * All functions want the lock of lock.h. Lengths are units, and where pages are of 64 KiB,
 * multiples of four units.
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
#define SPAN_MOST	(CHUNK_MOST / 4)	/* longer runs get a mapping of their own */

#define UNIT_WORDS	(CHUNK_MOST / WORD_BITS)

/*
 * Bytes that the lengths of spans and mappings are multiples of, and their addresses as well: a
 * unit, or a page where that is larger, so that none shares a page with another.
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
	bool huge;			/* of huge pages, for dense spans only */
	bool holes;			/* was purged since: no huge pages until it is empty */
	unsigned int generation;	/* of lock.h, in which it was mapped: others are lost */
	uintptr_t mapping;		/* what is mapped, in bytes */
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

/* Units that there are, that are in spans, and that are free with pages, in all chunks. */
struct span_totals {
	size_t mapped;
	size_t used;
	size_t dirty;
};

extern struct span_totals span_totals;

/* These numbers; in the child of a fork, of what it has left of them (lock.h). */
struct span_totals span_count(void);

/* Whether a chunk was mapped since this was made false; read without the lock. */
extern bool span_grown;

/*
 * Takes so many units at a multiple of alignment units, a power of two; both together at most
 * SPAN_MOST. .start is 0 with ENOMEM when there is no memory. Dense: all of it is going to be
 * used, so that huge pages waste nothing.
 */
struct span span_take_aligned(unsigned int units, unsigned int alignment, bool dense);

static inline struct span span_take(unsigned int units, bool dense)
{
	return span_take_aligned(units, 1, dense);
}

/* Makes a span longer or shorter where it is; false: there is no room. */
bool span_resize(struct span *span, unsigned int units);

/* Makes the span one that cannot be touched, and is clean; false: it is as before, or purged. */
bool span_hide(struct span span);

/* Gives a span back, which is clean or not; true: much was free, and has gone to the kernel. */
bool span_give(struct span span);

/* Gives the pages of free units but the first keep ones to the kernel; returns of how many. */
size_t span_purge(size_t keep);

/* Unmaps chunks of which nothing is in use. */
void span_release(void);

/* NULL or the name of the broken invariant. */
const char *span_check(void);

#endif
