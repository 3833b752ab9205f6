// SPDX-License-Identifier: BSD-3-Clause

#include "pagemap.h"

#include <errno.h>

#include "os.h"

struct pagemap_leaf *pagemap_root[1U << PAGEMAP_ROOT_LOG];

/* The first leaf costs no system call, and is there when memory is limited early. */
static struct pagemap_leaf first_leaf;
static bool first_taken;

static struct pagemap_leaf *spare_leaf;	/* of pagemap_reserve_anywhere() */

static struct pagemap_leaf **slot_of(uintptr_t unit)
{
	return &pagemap_root[unit >> PAGEMAP_LEAF_LOG & ((1U << PAGEMAP_ROOT_LOG) - 1)];
}

/* NULL and ENOMEM. */
static struct pagemap_leaf *leaf_map(void)
{
	return os_map_guarded(FENCE, sizeof(first_leaf), FENCE, 1);
}

/* One that is spare; NULL. */
static struct pagemap_leaf *leaf_take(void)
{
	struct pagemap_leaf *leaf = spare_leaf;

	spare_leaf = NULL;
	return leaf;
}

/* NULL and ENOMEM. */
static struct pagemap_leaf *leaf_make(void)
{
	struct pagemap_leaf *leaf;

	if (!first_taken) {
		first_taken = true;
		return &first_leaf;
	}
	leaf = leaf_take();
	return leaf ? leaf : leaf_map();
}

static void leaf_drop(struct pagemap_leaf *leaf)
{
	if (leaf != &first_leaf)
		os_unmap((char *)leaf - FENCE, FENCE + sizeof(*leaf) + FENCE);
}

struct slab *pagemap_get_before(const void *address, const struct slab *gone)
{
	const uintptr_t leaf_units = 1UL << PAGEMAP_LEAF_LOG;

	for (uintptr_t unit = (uintptr_t)address % ADDRESSES / UNIT + 1; unit--;) {
		struct slab *slab;

		if (!__atomic_load_n(slot_of(unit), __ATOMIC_RELAXED)) {
			unit -= unit % leaf_units;
			continue;
		}
		slab = pagemap_get((const void *)(unit * UNIT));
		if (slab && slab != gone)
			return slab;
	}
	return NULL;
}

bool pagemap_reserve(uintptr_t start, size_t length)
{
	uintptr_t first = start / UNIT >> PAGEMAP_LEAF_LOG;
	uintptr_t last = (start + length - 1) / UNIT >> PAGEMAP_LEAF_LOG;

	/* A mapping near the end of all addresses is asked whether it could grow. */
	if (last >= 1U << PAGEMAP_ROOT_LOG) {
		errno = ENOMEM;
		return false;
	}
	for (uintptr_t i = first; i <= last; i++) {
		struct pagemap_leaf *leaf, *none = NULL;

		if (pagemap_root[i])
			continue;
		leaf = leaf_make();
		if (!leaf)
			return false;
		/* The child of a fork in between may have one by now (lock.h). */
		if (!__atomic_compare_exchange_n(&pagemap_root[i], &none, leaf, false,
						 __ATOMIC_RELEASE, __ATOMIC_RELAXED))
			leaf_drop(leaf);
	}
	return true;
}

bool pagemap_reserve_anywhere(void)
{
	spare_leaf = leaf_map();
	return spare_leaf;
}

void pagemap_reserve_no_more(void)
{
	struct pagemap_leaf *leaf = leaf_take();

	if (leaf)
		leaf_drop(leaf);
}

void pagemap_set(uintptr_t start, size_t length, struct slab *slab)
{
	for (uintptr_t unit = start / UNIT; unit < (start + length) / UNIT; unit++)
		__atomic_store_n(&(*slot_of(unit))->slab[unit & ((1U << PAGEMAP_LEAF_LOG) - 1)],
				 slab, __ATOMIC_RELAXED);
}
