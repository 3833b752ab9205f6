/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Blocks that no class is large enough for, and those aligned more strictly than slabs are: each
 * the only slot of a slab without an owner, in a span if the block and its alignment fit into one,
 * else in a mapping of its own. Either grows where it is if there is room; else a mapping moves
 * without being copied. A few mappings that were freed are kept, with their pages, for the next
 * taker; one that the kernel refuses to unmap goes without its pages. (In the hardened build all
 * are mappings, none of which is kept, and what grows moves.)
 *
 * Lengths and sizes are bytes. All functions take the lock unless it says otherwise.
 */

#ifndef LARGE_H
#define LARGE_H

#include "slab.h"

/* No request may be larger (C11 7.22.3 with PTRDIFF_MAX as the largest object). */
#define LARGE_MOST	((size_t)PTRDIFF_MAX - CHUNK_MOST * UNIT)

/* Mappings of blocks, kept ones as well: now, and the most there were. Written with the lock. */
struct large_totals {
	size_t mappings;
	size_t bytes;
	size_t most_mappings;
	size_t most_bytes;
};

extern struct large_totals large_totals;

/* A block of size bytes at a multiple of alignment, a power of two; NULL and ENOMEM. */
void *large_alloc(size_t size, size_t alignment);

/* The same with room to grow: for a block that has grown out of its place. */
void *large_alloc_roomy(size_t size);

/* Gives a large block back. errno may change. */
void large_free(struct slab *slab);

/*
 * Makes a large block size bytes long; where it is now, with what it held. NULL,
 * and nothing has changed, when it has to be copied or is not too small.
 */
void *large_resize(struct slab *slab, size_t size);

/* Unmaps the freed mappings that are kept; returns their bytes. The caller holds the lock. */
size_t large_release(void);

/* There are no addresses left (RLIMIT_AS): unmaps freed mappings and chunks. */
void large_make_room(void);

/*
 * Sees to it that a block that large_alloc() has just returned is zero, if that is
 * cheaper than to write it; false: write it.
 */
bool large_clear(struct slab *slab);

#endif
