// SPDX-License-Identifier: BSD-3-Clause

#include "fit.h"

#include "check.h"

#define RANGE_SHIFT	(31 - __builtin_clz(EXACT_BINS))	/* log2 of EXACT_BINS */
#define STEP_SHIFT	(31 - __builtin_clz(RANGE_STEPS))	/* log2 of RANGE_STEPS */
#define BINS		(EXACT_BINS + (33 - RANGE_SHIFT) * RANGE_STEPS)
#define WORD_BITS	64
#define WORDS		((BINS + WORD_BITS - 1) / WORD_BITS)

/* A free block's next field: children while indexed, list links while waiting. */
struct __attribute__((may_alias)) links {
	uint32_t to[2];
};

enum { BEFORE, BEHIND };	/* places of the list links */

static uint32_t roots[BINS];	/* links; 0: an empty bin */
static unsigned char tops[BINS];	/* the key bit on which the root's children differ */
static uint64_t filled[WORDS];	/* bit b: bin b is not empty */
static uint32_t waiting;	/* the list's first block */

_Static_assert(sizeof(struct links) == sizeof(struct block_meta *), "links fit in next");

static struct links *links_of(struct block_meta *b)
{
	return (struct links *)&b->next;
}

static uint32_t link_to(const struct block_meta *b)
{
	return (uint32_t)(((uintptr_t)b - heap.base) / ALIGNMENT) + 1;
}

/* Where a link leads. A link beyond the heap can only come from an overwritten header. */
static struct block_meta *link_block(uint32_t link)
{
	uintptr_t at = heap.base + (link - 1UL) * ALIGNMENT;

	if (unlikely(at >= heap.tail->end))
		check_fail("overwritten header", (void *)at);
	return (struct block_meta *)at;
}

static struct links *link_follow(uint32_t link)
{
	return links_of(link_block(link));
}

/* Bins */

static unsigned int bin_of(size_t size)
{
	size_t units = size / ALIGNMENT;
	unsigned int log;

	if (units < EXACT_BINS)
		return (unsigned int)units;
	log = WORD_BITS - 1 - (unsigned int)__builtin_clzl(units);
	return EXACT_BINS + (log - RANGE_SHIFT) * RANGE_STEPS +
	       ((unsigned int)(units >> (log - STEP_SHIFT)) & (RANGE_STEPS - 1));
}

/* The smallest size, in units, that a bin holds. */
static uint64_t bin_first(unsigned int bin)
{
	unsigned int range = bin - EXACT_BINS;

	if (bin < EXACT_BINS)
		return bin;
	return (uint64_t)(RANGE_STEPS + range % RANGE_STEPS)
	       << (RANGE_SHIFT - STEP_SHIFT + range / RANGE_STEPS);
}

/* The first bin from start on that is not empty, BINS when there is none. */
static unsigned int bin_filled(unsigned int start)
{
	unsigned int word = start / WORD_BITS;
	uint64_t bits;

	if (start >= BINS)
		return BINS;
	bits = filled[word] & ~0UL << start % WORD_BITS;
	while (!bits && ++word < WORDS)
		bits = filled[word];
	if (!bits)
		return BINS;
	return word * WORD_BITS + (unsigned int)__builtin_ctzl(bits);
}

static uint64_t key_in(unsigned int bin, const struct block_meta *b)
{
	return (b->size / ALIGNMENT - bin_first(bin)) << 32 | link_to(b);
}

/* The tree of one bin */

/* Which child the key takes below a node that decides on this bit. */
static unsigned int branch(uint64_t key, int bit)
{
	return key >> (bit & (WORD_BITS - 1)) & 1;
}

/* Takes some leaf out of the tree at *slot, which is not empty, and returns it. */
static uint32_t tree_pluck(uint32_t *slot)
{
	uint32_t leaf;

	for (;;) {
		struct links *node = link_follow(*slot);

		if (node->to[0])
			slot = &node->to[0];
		else if (node->to[1])
			slot = &node->to[1];
		else
			break;
	}
	leaf = *slot;
	*slot = 0;
	return leaf;
}

/* Adds levels at the root until the key's highest bit has one. */
static void tree_raise(unsigned int bin, uint64_t key)
{
	while (key >> tops[bin] >> 1) {
		uint32_t leaf = tree_pluck(&roots[bin]);
		struct links *root = link_follow(leaf);

		root->to[0] = roots[bin];
		root->to[1] = 0;
		roots[bin] = leaf;
		tops[bin]++;
	}
}

static void tree_insert(unsigned int bin, struct block_meta *b)
{
	uint64_t key = key_in(bin, b);
	uint32_t *slot = &roots[bin];
	int bit;

	if (*slot)
		tree_raise(bin, key);
	else
		tops[bin] = (unsigned char)(WORD_BITS - 1 - __builtin_clzl(key));
	for (bit = tops[bin]; *slot; bit--)
		slot = &link_follow(*slot)->to[branch(key, bit)];
	*slot = link_to(b);
	*links_of(b) = (struct links){ { 0, 0 } };
}

static void tree_remove(unsigned int bin, struct block_meta *b)
{
	uint64_t key = key_in(bin, b);
	uint32_t link = link_to(b);
	uint32_t *slot = &roots[bin];
	uint32_t leaf;

	for (int bit = tops[bin]; *slot != link; bit--) {
		if (unlikely(!*slot))
			check_fail("overwritten header", block_payload(b));
		slot = &link_follow(*slot)->to[branch(key, bit)];
	}
	leaf = tree_pluck(slot);
	if (leaf == link)
		return;
	*links_of(link_block(leaf)) = *links_of(b);
	*slot = leaf;
}

/* The block with the least key from bound on, NULL when there is none. */
static struct block_meta *tree_at_least(unsigned int bin, uint64_t bound)
{
	struct block_meta *best = NULL;
	uint64_t least = UINT64_MAX;
	uint32_t larger = 0;	/* deepest subtree of keys that are all above bound */
	uint32_t link = roots[bin];
	bool on_path = true;

	if (bound >> tops[bin] >> 1)
		return NULL;
	for (int bit = tops[bin]; link; bit--) {
		struct block_meta *b = link_block(link);
		struct links *node = links_of(b);
		uint64_t key = key_in(bin, b);

		if (key >= bound && key < least) {
			least = key;
			best = b;
		}
		if (!on_path) {
			link = node->to[!node->to[0]];
		} else if (branch(bound, bit)) {
			link = node->to[1];
		} else {
			larger = node->to[1] ? node->to[1] : larger;
			link = node->to[0];
		}
		if (!link && on_path) {
			on_path = false;
			link = larger;
		}
	}
	return best;
}

/* The index */

static void index_insert(struct block_meta *b)
{
	unsigned int bin = bin_of(b->size);

	b->seal = 0;
	block_seal(b);
	tree_insert(bin, b);
	filled[bin / WORD_BITS] |= 1UL << bin % WORD_BITS;
}

static void index_remove(struct block_meta *b)
{
	unsigned int bin = bin_of(b->size);

	tree_remove(bin, b);
	if (!roots[bin])
		filled[bin / WORD_BITS] &= ~(1UL << bin % WORD_BITS);
}

static struct block_meta *index_find(size_t size)
{
	unsigned int bin = bin_of(size);
	uint64_t bound = (size / ALIGNMENT - bin_first(bin)) << 32;
	struct block_meta *b = roots[bin] ? tree_at_least(bin, bound) : NULL;

	if (b)
		return b;
	bin = bin_filled(bin + 1);
	return bin < BINS ? tree_at_least(bin, 0) : NULL;
}

bool fit_indexed(size_t size)
{
	/* A bin above the size's own holds nothing smaller: no need to look inside. */
	return bin_filled(bin_of(size) + 1) < BINS || index_find(size);
}

struct block_meta *fit_take(size_t size)
{
	struct block_meta *b = index_find(size);

	if (!b)
		return NULL;
	block_verify(b);
	index_remove(b);
	return b;
}

/* Waiting */

void fit_wait(struct block_meta *b)
{
	struct links *links = links_of(b);

	b->status = STATUS_FREE;
	b->seal = SEAL_WAITING;
	block_seal(b);
	links->to[BEFORE] = 0;
	links->to[BEHIND] = waiting;
	if (waiting)
		link_follow(waiting)->to[BEFORE] = link_to(b);
	waiting = link_to(b);
}

static void waiting_remove(struct block_meta *b)
{
	struct links *links = links_of(b);

	if (links->to[BEHIND])
		link_follow(links->to[BEHIND])->to[BEFORE] = links->to[BEFORE];
	if (links->to[BEFORE])
		link_follow(links->to[BEFORE])->to[BEHIND] = links->to[BEHIND];
	else
		waiting = links->to[BEHIND];
}

void fit_drop(struct block_meta *b)
{
	block_verify(b);
	if (block_is_waiting(b))
		waiting_remove(b);
	else
		index_remove(b);
}

/* Merges b, which waits, with the free blocks on both sides and indexes the result. */
static void settle(struct block_meta *b)
{
	struct block_meta *other;

	fit_drop(b);
	for (other = b->prev; other && block_is_free(other); other = b->prev) {
		fit_drop(other);
		block_swallow(other, b);
		b = other;
	}
	for (other = block_right(b); other && block_is_free(other); other = block_right(b)) {
		fit_drop(other);
		block_swallow(b, other);
	}
	block_tie(b);
	index_insert(b);
}

void fit_settle(void)
{
	while (waiting)
		settle(link_block(waiting));
}

/* Looking ahead */

static bool free_left(const struct block_meta *b)
{
	return b->prev && block_is_free(b->prev);
}

/*
 * The first block of the run of free blocks around b, which waits, but NULL
 * where another waiting block of the run leads to the same one: so each run is
 * looked at once. (Of two adjacent free blocks at least one waits.)
 */
static struct block_meta *run_start(struct block_meta *b)
{
	if (!free_left(b))
		return b;
	return block_is_waiting(b->prev) || free_left(b->prev) ? NULL : b->prev;
}

/* Where the run of free blocks that starts with b ends. */
static uintptr_t run_end(const struct block_meta *b)
{
	const struct block_meta *right = b;

	while (right && block_is_free(right)) {
		block_verify(right);
		b = right;
		right = block_right(b);
	}
	return block_end(b);
}

bool fit_would(size_t size, size_t *last)
{
	struct block_meta *tail = heap.last;
	bool found = fit_indexed(size);

	for (uint32_t link = waiting; link && !found; link = link_follow(link)->to[BEHIND]) {
		struct block_meta *start = run_start(link_block(link));

		found = start && run_end(start) - (uintptr_t)block_payload(start) >= size;
	}
	*last = 0;
	if (found || !block_is_free(tail))
		return found;
	while (free_left(tail))
		tail = tail->prev;
	*last = block_end(heap.last) - (uintptr_t)block_payload(tail);
	return false;
}

/* Audit */

/* Counts the blocks below link into *count; every one must be in bin and agree with path. */
static const char *tree_check(unsigned int bin, uint32_t link, int bit, uint64_t path,
			      size_t *count)
{
	struct block_meta *b;
	const char *fault;

	if (!link)
		return NULL;
	b = link_block(link);
	if (!block_is_sealed(b) || !block_is_free(b) || block_is_waiting(b) ||
	    bin_of(b->size) != bin || (bit < WORD_BITS - 1 && (key_in(bin, b) ^ path) >> (bit + 1)))
		return "fit 2: bin or path of an indexed block";
	++*count;
	fault = tree_check(bin, links_of(b)->to[0], bit - 1, path, count);
	if (!fault)
		fault = tree_check(bin, links_of(b)->to[1], bit - 1,
				   path | (bit >= 0 ? 1UL << bit : 0), count);
	return fault;
}

static int count_free(const struct block_meta *b, void *arg)
{
	size_t *counts = arg;

	if (!block_is_free(b))
		return 0;
	counts[block_is_waiting(b)]++;
	return b->prev && block_is_free(b->prev) && !block_is_waiting(b) &&
	       !block_is_waiting(b->prev);
}

const char *fit_check(void)
{
	size_t there[2] = { 0, 0 };	/* indexed, waiting: by walking the heap */
	size_t indexed = 0;
	const char *fault = NULL;

	if (block_walk(count_free, there))
		return "fit 4: adjacent indexed blocks";
	for (unsigned int bin = 0; bin < BINS && !fault; bin++) {
		fault = tree_check(bin, roots[bin], tops[bin], 0, &indexed);
		if (!fault && !roots[bin] != !(filled[bin / WORD_BITS] >> bin % WORD_BITS & 1))
			fault = "fit 3: bitmap";
	}
	for (uint32_t link = waiting; link && !fault; link = link_follow(link)->to[BEHIND])
		if (!block_is_waiting(link_block(link)) || there[1]-- == 0)
			fault = "fit 1: waiting list";
	if (!fault && (indexed != there[0] || there[1]))
		fault = "fit 1: a free block neither waits nor is indexed";
	return fault;
}
