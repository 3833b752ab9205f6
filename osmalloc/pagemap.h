/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Address -> slab: a radix tree of two levels over 48-bit addresses, an entry
 * for each unit of a slab of many slots, and for the first of a large block, in which it may begin
 * anywhere: the entry is for what is at the unit's end. Any pointer may be looked up; nothing but
 * the tree is read. Entries
 * are written under the span lock and read without it: a thread that holds a
 * live block's address got it after the block's entry was written.
 */

#ifndef PAGEMAP_H
#define PAGEMAP_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"

struct slab;

#define UNIT			(16UL * 1024)
#define PAGEMAP_LEAF_LOG	16	/* units in a leaf: 1 GiB */
#define PAGEMAP_ROOT_LOG	18	/* 48 bits of addresses, as arm64 has them */

#define ADDRESSES	(UNIT << (PAGEMAP_LEAF_LOG + PAGEMAP_ROOT_LOG))	/* that there are, bytes */

struct pagemap_leaf {
	struct slab *slab[1U << PAGEMAP_LEAF_LOG];
};

/* NULL where nothing has ever been entered. */
extern struct pagemap_leaf *pagemap_root[1U << PAGEMAP_ROOT_LOG];

/* The slab around an address, NULL when there is none. */
static inline struct slab *pagemap_get(const void *address)
{
	uintptr_t unit = (uintptr_t)address / UNIT;
	struct pagemap_leaf *leaf;

	leaf = __atomic_load_n(&pagemap_root[unit >> PAGEMAP_LEAF_LOG &
					     ((1U << PAGEMAP_ROOT_LOG) - 1)], __ATOMIC_RELAXED);
	if (unlikely(!leaf))
		return NULL;
	return __atomic_load_n(&leaf->slab[unit & ((1U << PAGEMAP_LEAF_LOG) - 1)],
			       __ATOMIC_RELAXED);
}

/*
 * The last entry up to an address that is neither NULL nor gone, which may be of a large block
 * around it; NULL. Looks at each unit: for a program that is about to end.
 */
struct slab *pagemap_get_before(const void *address, const struct slab *gone);

/* Makes entries for length bytes from start on possible; false and ENOMEM. */
bool pagemap_reserve(uintptr_t start, size_t length);

/*
 * The next pagemap_reserve() of a unit will succeed, wherever that is; false and ENOMEM. And gives
 * back what was not needed for it.
 */
bool pagemap_reserve_anywhere(void);
void pagemap_reserve_no_more(void);

/* Enters slab for all units of a range for which there is room. */
void pagemap_set(uintptr_t start, size_t length, struct slab *slab);

#endif
