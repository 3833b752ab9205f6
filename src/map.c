// SPDX-License-Identifier: BSD-3-Clause

#include "map.h"

#include "os.h"

#define PAGE_SHIFT	12	/* of the smallest pages; larger ones only add levels */

static struct header *root;

/* Whether the path to b goes right at a node depth levels below the root. */
static bool goes_right(const struct header *b, unsigned int depth)
{
	return (uintptr_t)b >> ((PAGE_SHIFT + depth) % 64) & 1;
}

/* The right or the left child field of node. */
static struct header **child(struct header *node, bool right)
{
	return right ? &node->next : &node->prev;
}

/* The end of a path from the root: a block, or the empty field where it would be inserted. */
struct path {
	struct header **slot;	/* the field that points at the block */
	struct header *parent;	/* the block that contains slot; NULL if slot is the root */
};

static struct path path_to(const struct header *b)
{
	struct path path = { &root, NULL };

	for (unsigned int depth = 0; *path.slot && *path.slot != b; depth++) {
		path.parent = *path.slot;
		block_verify(path.parent);
		path.slot = child(path.parent, goes_right(b, depth));
	}
	return path;
}

static void path_set(struct path path, struct header *b)
{
	*path.slot = b;
	if (path.parent)
		block_set_checksum(path.parent);
}

static void registry_add(struct header *b)
{
	b->prev = NULL;
	b->next = NULL;
	block_set_checksum(b);
	path_set(path_to(b), b);
}

/* The path to any leaf below path's block; path itself if that block is a leaf. */
static struct path path_to_leaf(struct path path)
{
	for (;;) {
		struct header *b = *path.slot;

		block_verify(b);
		if (!b->prev && !b->next)
			return path;
		path.parent = b;
		path.slot = child(b, !b->prev);
	}
}

static void registry_remove(struct header *b)
{
	struct path path = path_to(b);
	struct path leaf_path = path_to_leaf(path);
	struct header *leaf = *leaf_path.slot;

	path_set(leaf_path, NULL);
	if (leaf == b)
		return;
	leaf->prev = b->prev;
	leaf->next = b->next;
	block_set_checksum(leaf);
	path_set(path, leaf);
}

struct header *map_create(size_t size)
{
	struct header *b;

	slow_step();
	b = os_map(HEADER + size);
	if (!b)
		return NULL;
	b->size = size;
	b->status = STATUS_MAPPED;
	b->checksum = 0;
	registry_add(b);
	return b;
}

bool map_destroy(struct header *b)
{
	slow_step();
	registry_remove(b);
	if (os_unmap(b, HEADER + b->size))
		return true;
	registry_add(b);
	return false;
}

/* Walks */

static int walk_below(struct header *b, int (*visit)(const struct header *b, void *arg),
		      void *arg)
{
	int stop;

	if (!b)
		return 0;
	block_verify(b);
	stop = walk_below(b->prev, visit, arg);
	if (!stop)
		stop = visit(b, arg);
	return stop ? stop : walk_below(b->next, visit, arg);
}

int map_walk(int (*visit)(const struct header *b, void *arg), void *arg)
{
	return walk_below(root, visit, arg);
}

static int contains(const struct header *b, void *address)
{
	return (uintptr_t)address - (uintptr_t)b < HEADER + b->size;
}

bool map_holds(const void *address)
{
	return map_walk(contains, (void *)(uintptr_t)address);
}

struct header *map_find(const void *payload)
{
	struct header *found = *path_to(block_of_payload(payload)).slot;

	if (found)
		block_verify(found);
	return found;
}

static const char *check_below(const struct header *b, unsigned int depth, uintptr_t path)
{
	uintptr_t here = (uintptr_t)b >> PAGE_SHIFT;
	const char *fault;

	if (!b)
		return NULL;
	if (!block_is_intact(b))
		return "map 1: checksum";
	if (b->status != STATUS_MAPPED || b->size % ALIGNMENT)
		return "map 2: status or size";
	if ((here ^ path) & ((1UL << depth) - 1))
		return "map 3: not on its path";
	fault = check_below(b->prev, depth + 1, path);
	return fault ? fault : check_below(b->next, depth + 1, path | 1UL << depth);
}

const char *map_check(void)
{
	return check_below(root, 0, 0);
}
