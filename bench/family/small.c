// SPDX-License-Identifier: BSD-3-Clause
/* Small blocks in one thread. */

#include "work.h"

#include <string.h>

#define SIZES		4096	/* random sizes, drawn beforehand so that they cost nothing */
#define BATCH		10000
#define ALIGNED_LIVE	2000
#define TREE_NODES	150000

/* pairs: a block of 16 bytes to 1 KiB is allocated and freed at once */

static void pairs(struct work *work)
{
	static uint16_t sizes[SIZES];
	size_t pairs = scaled(work, 20000000);

	for (size_t i = 0; i < SIZES; i++)
		sizes[i] = (uint16_t)random_between(&work->random, 16, KIB);
	for (size_t i = 0; i < pairs; i++)
		give(work, take(work, sizes[i % SIZES]));
}

/* lifo, fifo, random: many blocks, then the frees in that order */

static void fill(struct work *work, void **slots)
{
	for (size_t i = 0; i < BATCH; i++)
		slots[i] = take(work, random_between(&work->random, 16, 512));
}

static void lifo(struct work *work)
{
	void **slots = table(BATCH * sizeof(*slots));

	for (size_t batches = scaled(work, 700); batches; batches--) {
		fill(work, slots);
		for (size_t i = BATCH; i; i--)
			give(work, slots[i - 1]);
	}
}

static void fifo(struct work *work)
{
	void **slots = table(BATCH * sizeof(*slots));

	for (size_t batches = scaled(work, 700); batches; batches--) {
		fill(work, slots);
		for (size_t i = 0; i < BATCH; i++)
			give(work, slots[i]);
	}
}

/* Frees one at random; the last one takes its place. */
static void give_random(struct work *work, void **slots, size_t count)
{
	size_t i = random_below(&work->random, count);

	give(work, slots[i]);
	slots[i] = slots[count - 1];
}

static void random_order(struct work *work)
{
	void **slots = table(BATCH * sizeof(*slots));

	for (size_t batches = scaled(work, 500); batches; batches--) {
		fill(work, slots);
		for (size_t count = BATCH; count; count--)
			give_random(work, slots, count);
	}
}

/* objects: a million of 16 to 64 bytes at once; what they take beyond their payload */

static void objects(struct work *work)
{
	size_t count = scaled(work, 1000000);
	size_t before = resident();
	struct link *chain = NULL;

	for (int round = 0; round < 4; round++) {
		size_t asked = work->asked;

		for (size_t i = 0; i < count; i++)
			chain = chain_add(work, chain, 16, 64);
		if (round == 0)
			note("percent_of_asked",
			     (resident() - before) * KIB * 100 / (work->asked - asked));
		chain_give(work, chain);
		chain = NULL;
	}
}

/* aligned: alignments from 32 bytes to a page, 2,000 blocks live */

static size_t misaligned;	/* blocks */

static void *take_aligned(struct work *work, size_t alignment, size_t size)
{
	void *block;

	if (posix_memalign(&block, alignment, size))
		complain("out of memory");
	misaligned += (uintptr_t)block % alignment != 0;
	return booked(work, block, size);
}

static void aligned(struct work *work)
{
	void **slots = table(ALIGNED_LIVE * sizeof(*slots));

	for (size_t steps = scaled(work, 3000000); steps; steps--) {
		void **slot = &slots[random_below(&work->random, ALIGNED_LIVE)];
		size_t alignment = 32UL << random_below(&work->random, 8);

		if (*slot)
			give(work, *slot);
		*slot = take_aligned(work, alignment, random_between(&work->random, 16, 2 * KIB));
	}
	give_all(work, slots, ALIGNED_LIVE);
	note("misaligned_blocks", misaligned);
}

/* tree: a search tree whose nodes have names; built, aged, walked, freed */

struct node {
	size_t size;
	uint64_t key;
	struct node *sons[2];
	char *name;
};

static char *name_of(struct work *work)
{
	return take(work, random_between(&work->random, 16, 80));
}

static void tree_insert(struct work *work, struct node **root)
{
	uint64_t key = random_next(&work->random);
	struct node *node;

	while (*root)
		root = &(*root)->sons[key > (*root)->key];
	node = take(work, sizeof(*node));
	node->key = key;
	node->sons[0] = NULL;
	node->sons[1] = NULL;
	node->name = name_of(work);
	*root = node;
}

/* Renames the node that a random key leads to. */
static void tree_rename(struct work *work, struct node *node)
{
	uint64_t key = random_next(&work->random);

	while (node->sons[key > node->key])
		node = node->sons[key > node->key];
	give(work, node->name);
	node->name = name_of(work);
}

/* The lengths of all names, in the order of the keys. */
static size_t tree_walk(const struct node *node)
{
	if (!node)
		return 0;
	return tree_walk(node->sons[0]) + *(const size_t *)(const void *)node->name +
		tree_walk(node->sons[1]);
}

static void tree_give(struct work *work, struct node *node)
{
	if (!node)
		return;
	tree_give(work, node->sons[0]);
	tree_give(work, node->sons[1]);
	give(work, node->name);
	give(work, node);
}

static void tree(struct work *work)
{
	size_t nodes = scaled(work, TREE_NODES);
	struct node *root = NULL;
	size_t names = 0;

	for (size_t i = 0; i < nodes; i++)
		tree_insert(work, &root);
	for (int round = 0; round < 4; round++) {
		for (size_t i = 0; i < nodes / 4; i++)
			tree_rename(work, root);
		names += tree_walk(root);
	}
	if (names < 4 * 16 * nodes)
		complain("the tree has lost nodes");
	tree_give(work, root);
}

const struct workload small_workloads[] = {
	{ .name = "pairs", .run = pairs },
	{ .name = "lifo", .run = lifo },
	{ .name = "fifo", .run = fifo },
	{ .name = "random", .run = random_order },
	{ .name = "objects", .run = objects },
	{ .name = "aligned", .run = aligned },
	{ .name = "tree", .run = tree },
	{ .name = NULL },
};
