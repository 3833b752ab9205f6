/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Large blocks: too large for a class, or with a larger alignment than slots have. Each is the
 * only slot of a slab without an owner. It has a span if the block and its alignment fit into one,
 * else a mapping of its own. Both grow in place if there is room; otherwise a mapping moves
 * without being copied. Some freed mappings are cached, with their pages, for later blocks. If the
 * kernel refuses to unmap one, its pages go and its addresses are used again later. In the
 * hardened build every large block is a mapping between guards, which moves when it grows, and a
 * freed one is not used again.
 *
 * Lengths and sizes are bytes. Functions take the lock unless they say otherwise.
 */

#ifndef LARGE_H
#define LARGE_H

#include "slab.h"

/* The largest request: PTRDIFF_MAX (C11 7.22.3) minus room for guards and rounding. */
#define LARGE_MOST	((size_t)PTRDIFF_MAX - CHUNK_MOST * UNIT)

/* Mappings of blocks, cached ones included: now, and the most so far. Written under the lock. */
struct large_totals {
	size_t mappings;
	size_t bytes;
	size_t most_mappings;
	size_t most_bytes;
};

extern struct large_totals large_totals;

/* A block of size bytes at a multiple of alignment, a power of two; NULL with ENOMEM. */
void *large_alloc(size_t size, size_t alignment);

/* The same with room to grow, half of size: for a block that outgrew its place. */
void *large_alloc_roomy(size_t size);

/* Frees a large block. errno may change. */
void large_free(struct slab *slab);

/*
 * Resizes a large block with its contents; its address now. NULL, with nothing changed, if that
 * needs a copy, or the block is not large, or size is too small for a large block.
 */
void *large_resize(struct slab *slab, size_t size);

/* Unmaps all cached mappings; returns their bytes. The lock must be held. */
size_t large_release(void);

/* For when address space has run out (RLIMIT_AS): unmaps cached mappings and empty chunks. */
void large_make_room(void);

/*
 * Makes a block that large_alloc() has just returned zero unless writing zeroes is cheaper; false:
 * the caller has to write them.
 */
bool large_clear(struct slab *slab);

#endif
