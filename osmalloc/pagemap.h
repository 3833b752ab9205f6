/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The page map, from an address to its slab: a radix tree of two levels over 48-bit addresses. A
 * slab with several slots has an entry for each of its units; a large block has one, for the unit
 * in which it begins, and may begin inside that unit. Any pointer may be looked up; nothing but the
 * tree is read. Entries are written under the lock and read without it: a thread got the address of
 * a live block after the block's entry was written.
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

/* Bytes of address space. */
#define ADDRESSES	(UNIT << (PAGEMAP_LEAF_LOG + PAGEMAP_ROOT_LOG))

struct pagemap_leaf {
	struct slab *slab[1U << PAGEMAP_LEAF_LOG];
};

/* NULL where no entry was ever reserved. */
extern struct pagemap_leaf *pagemap_root[1U << PAGEMAP_ROOT_LOG];

/* The slab around an address; NULL if there is none. */
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
 * The last entry up to an address that is neither NULL nor gone, perhaps that of a large block
 * around the address; NULL if there is none. Searches unit by unit: for reports of misuse only.
 */
struct slab *pagemap_get_before(const void *address, const struct slab *gone);

/* Reserves entries for length bytes from start on; false with ENOMEM. The lock must be held. */
bool pagemap_reserve(uintptr_t start, size_t length);

/*
 * The first makes sure that the next pagemap_reserve() of one unit succeeds, whatever its address;
 * false with ENOMEM. The second frees what that did not need. The lock must be held.
 */
bool pagemap_reserve_anywhere(void);
void pagemap_reserve_no_more(void);

/* Sets the entries of all units of a reserved range. The lock must be held. */
void pagemap_set(uintptr_t start, size_t length, struct slab *slab);

#endif
