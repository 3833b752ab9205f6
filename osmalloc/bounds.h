/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Numbered items in a tree. Each node holds, for each branch, an upper bound of the quantity that
 * an item below has. The first item that has enough is found in a time that does not depend on the
 * number of items. A bound is raised when an item's quantity grows, and lowered when a search finds
 * less than the bound. Each item has several quantities, with separate bounds. Items and nodes are
 * never removed.
 */

#ifndef BOUNDS_H
#define BOUNDS_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include "meta.h"

#define BOUNDS		4U		/* quantities */
#define BOUNDS_LOG	5U
#define BOUNDS_FAN	(1U << BOUNDS_LOG)
#define BOUNDS_TOP	3U		/* the level of the root; items are below level 0 */
#define BOUNDS_ITEMS	(1U << BOUNDS_LOG * (BOUNDS_TOP + 1))

struct bounds {
	uint16_t most[BOUNDS_FAN][BOUNDS];
	void *below[BOUNDS_FAN];	/* nodes, or items at level 0; NULL only after the last */
};

/* The branch of a node at this level that leads to the item. */
static inline unsigned int bounds_branch(unsigned int level, unsigned int number)
{
	return number >> level * BOUNDS_LOG & (BOUNDS_FAN - 1);
}

/* The item with this number; NULL if there is none. */
static inline void *bounds_item(struct bounds *root, unsigned int number)
{
	void *found = root;

	for (unsigned int level = BOUNDS_TOP + 1; found && level; level--)
		found = ((struct bounds *)found)->below[bounds_branch(level - 1, number)];
	return found;
}

/* Adds an item under number, the lowest unused one; false and ENOMEM on failure. */
static inline bool bounds_enter(struct bounds *root, unsigned int number, void *item)
{
	struct bounds *node = root;

	if (number >= BOUNDS_ITEMS) {
		errno = ENOMEM;
		return false;
	}
	for (unsigned int level = BOUNDS_TOP; level; level--) {
		void **below = &node->below[bounds_branch(level, number)];

		if (!*below)
			*below = meta_alloc(sizeof(*node));
		node = *below;
		if (!node)
			return false;
	}
	node->below[bounds_branch(0, number)] = item;
	return true;
}

/* Raises the bounds to what the item has. In a fork's child, the tree may be new (lock.h). */
static inline void bounds_raise(struct bounds *root, unsigned int number, unsigned int quantity,
				uint16_t has)
{
	struct bounds *node = root;

	for (unsigned int level = BOUNDS_TOP + 1; node && level; level--) {
		unsigned int branch = bounds_branch(level - 1, number);

		if (node->most[branch][quantity] < has)
			node->most[branch][quantity] = has;
		node = level > 1 ? node->below[branch] : NULL;
	}
}

/* The least bound on the path from the root to the item. */
static inline uint16_t bounds_least(const struct bounds *root, unsigned int number,
				    unsigned int quantity)
{
	const struct bounds *node = root;
	uint16_t least = UINT16_MAX;

	for (unsigned int level = BOUNDS_TOP + 1; node && level; level--) {
		unsigned int branch = bounds_branch(level - 1, number);

		if (node->most[branch][quantity] < least)
			least = node->most[branch][quantity];
		node = level > 1 ? node->below[branch] : NULL;
	}
	return least;
}

/* A search for an item that has at least this much of a quantity. */
struct bounds_search {
	unsigned int quantity;
	unsigned int least;
	/* Returns an upper bound of what the item has: .least or more if the item is suitable. */
	uint16_t (*look)(void *item, void *arg);
	void *arg;
};

/* The largest bound in the node. */
static inline uint16_t bounds_most(const struct bounds *node, unsigned int quantity)
{
	uint16_t most = 0;

	for (unsigned int n = 0; n < BOUNDS_FAN; n++)
		most = node->most[n][quantity] > most ? node->most[n][quantity] : most;
	return most;
}

/* The suitable item with the lowest number below the node at this level; NULL if none. */
static inline void *bounds_find(struct bounds *node, unsigned int level,
				const struct bounds_search *search)
{
	for (unsigned int n = 0; n < BOUNDS_FAN; n++) {
		void *below = node->below[n];
		void *found = below;
		uint16_t has;

		if (!below || node->most[n][search->quantity] < search->least)
			continue;
		if (level) {
			found = bounds_find(below, level - 1, search);
			has = found ? UINT16_MAX : bounds_most(below, search->quantity);
		} else {
			has = search->look(below, search->arg);
		}
		if (has >= search->least)
			return found;
		node->most[n][search->quantity] = has;
	}
	return NULL;
}

#endif
