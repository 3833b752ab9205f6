// SPDX-License-Identifier: BSD-3-Clause

#include "map.h"

#include "os.h"

#define PAGE_SHIFT	12	/* the least page size there is; a larger one only adds levels */

static struct header *root;

/* Which way the path to b goes below a node depth levels under the root. */
static bool turn(const struct header *b, unsigned int depth)
{
	return (uintptr_t)b >> ((PAGE_SHIFT + depth) % 64) & 1;
}

/* The child of node on that way. */
static struct header **child(struct header *node, bool right)
{
	return right ? &node->next : &node->prev;
}

/* The way down to the block at b, or to the empty place where it would be. */
struct path {
	struct header **slot;	/* what points at it */
	struct header *parent;	/* whose field slot is; NULL: it is the root */
};

static struct path path_to(const struct header *b)
{
	struct path path = { &root, NULL };

	for (unsigned int depth = 0; *path.slot && *path.slot != b; depth++) {
		path.parent = *path.slot;
		block_verify(path.parent);
		path.slot = child(path.parent, turn(b, depth));
	}
	return path;
}

static void path_set(struct path path, struct header *b)
{
	*path.slot = b;
	if (path.parent)
		block_seal(path.parent);
}

static void registry_add(struct header *b)
{
	b->prev = NULL;
	b->next = NULL;
	block_seal(b);
	path_set(path_to(b), b);
}

/* Some leaf below path's block; path itself when that has no children. */
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
	block_seal(leaf);
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
	b->seal = 0;
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
	if (!block_is_sealed(b))
		return "map 1: header not sealed";
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
