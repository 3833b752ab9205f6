/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Blocks that no class is large enough for, and those aligned more strictly than
 * slabs are: each the only slot of a slab without an owner, in a span while it
 * fits into one, else in a mapping of its own, which grows where it is if the
 * kernel lets it, and moves without being copied otherwise.
 *
 * Lengths and sizes are bytes. All functions take the lock.
 */

#ifndef LARGE_H
#define LARGE_H

#include "slab.h"

/* No request may be larger (C11 7.22.3 with PTRDIFF_MAX as the largest object). */
#define LARGE_MOST	((size_t)PTRDIFF_MAX - CHUNK)

/* A block of size bytes at a multiple of alignment, a power of two; NULL and ENOMEM. */
void *large_alloc(size_t size, size_t alignment);

/* Gives a large block back. errno may change. */
void large_free(struct slab *slab);

/*
 * Makes a large block at least size bytes long; where it is now, with what it
 * held. NULL, and nothing has changed, when it has to be copied.
 */
void *large_resize(struct slab *slab, size_t size);

/* Whether a block that large_alloc() has just returned is known to be all zero. */
static inline bool large_is_zero(const struct slab *slab)
{
	return slab->length;
}

#endif
