// SPDX-License-Identifier: BSD-3-Clause

#include "fit.h"

#define EXACT_LOG	(31 - __builtin_clz(EXACT_BINS))
#define STEP_LOG	(31 - __builtin_clz(RANGE_STEPS))
#define BINS		(EXACT_BINS + (33 - EXACT_LOG) * RANGE_STEPS)
#define CELLS		64	/* of a bin: as many as a word has bits */
#define CELL_LOG	6
#define WORD_BITS	64
#define WORDS		((BINS + WORD_BITS - 1) / WORD_BITS)
#define LINK_BITS	32

/* A free block's next field: children while indexed, list links while waiting. */
struct __attribute__((may_alias)) links {
	uint32_t to[2];
};

enum { BEFORE, BEHIND };	/* places of the list links */

static uint32_t roots[BINS][CELLS];	/* links; 0: an empty cell */
static uint64_t cells[BINS];	/* bit c: cell c of the bin is not empty */
static uint64_t filled[WORDS];	/* bit b: bin b is not empty */
static uint64_t filled_words;	/* bit w: filled[w] is not 0 */
static uint32_t waiting;	/* the list's first block */

/* log2 of the units that a cell of an exact bin spans: 64 cells span the heap. */
static unsigned int span_log = 8;

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
		check_fail("overwritten header", (void *)(at + HEADER));
	return (struct block_meta *)at;
}

static struct links *link_follow(uint32_t link)
{
	return links_of(link_block(link));
}

/* Bins and cells */

static unsigned int log_of(uint64_t n)
{
	return WORD_BITS - 1 - (unsigned int)__builtin_clzl(n);
}

static unsigned int bin_of(uint64_t units)
{
	unsigned int log;

	if (likely(units < EXACT_BINS))
		return (unsigned int)units;
	log = log_of(units);
	return EXACT_BINS + (log - EXACT_LOG) * RANGE_STEPS +
	       ((unsigned int)(units >> (log - STEP_LOG)) & (RANGE_STEPS - 1));
}

/* The first bin from start on that is not empty, BINS when there is none. */
static unsigned int bin_filled(unsigned int start)
{
	unsigned int word = start / WORD_BITS;
	uint64_t bits, later;

	if (start >= BINS)
		return BINS;
	bits = filled[word] & ~0UL << start % WORD_BITS;
	if (!bits) {
		later = filled_words >> word >> 1;
		if (!later)
			return BINS;
		word += 1 + (unsigned int)__builtin_ctzl(later);
		bits = filled[word];
	}
	return word * WORD_BITS + (unsigned int)__builtin_ctzl(bits);
}

/* What the index orders blocks by: size, then address. */
static uint64_t key_of(const struct block_meta *b)
{
	return b->size / ALIGNMENT << LINK_BITS | link_to(b);
}

/* Where in the index a key belongs. */
struct place {
	unsigned int bin;
	unsigned int cell;
	int top;	/* the key's bit that decides at the cell's root, then the next lower */
};

static struct place place_of(uint64_t key)
{
	uint64_t units = key >> LINK_BITS;
	struct place place = { .bin = bin_of(units) };
	unsigned int log;

	if (likely(units < EXACT_BINS)) {
		place.cell = (unsigned int)key >> span_log;
		place.top = (int)span_log - 1;
	} else {
		log = log_of(units) - STEP_LOG - CELL_LOG;
		place.cell = (unsigned int)(units >> log) & (CELLS - 1);
		place.top = (int)(LINK_BITS + log) - 1;
	}
	return place;
}

/* The tree of one cell */

/* Which child the key takes below a node that decides on this bit. */
static unsigned int branch(uint64_t key, int bit)
{
	return key >> (bit & (WORD_BITS - 1)) & 1;
}

/* Takes some leaf out of the tree at *slot, which is not empty, and returns it. */
static uint32_t tree_pluck(uint32_t *slot)
{
	struct links *node = link_follow(*slot);
	uint32_t leaf;

	while (node->to[0] | node->to[1]) {
		slot = &node->to[!node->to[0]];
		node = link_follow(*slot);
	}
	leaf = *slot;
	*slot = 0;
	return leaf;
}

static void tree_insert(uint32_t *slot, int bit, struct block_meta *b)
{
	uint64_t key = key_of(b);

	for (; *slot; bit--)
		slot = &link_follow(*slot)->to[branch(key, bit)];
	*slot = (uint32_t)key;
	*links_of(b) = (struct links){ { 0, 0 } };
}

static void tree_remove(uint32_t *slot, int bit, struct block_meta *b)
{
	uint64_t key = key_of(b);
	uint32_t leaf;

	for (; *slot != (uint32_t)key; bit--) {
		if (unlikely(!*slot))
			check_fail("overwritten header", block_payload(b));
		slot = &link_follow(*slot)->to[branch(key, bit)];
	}
	leaf = tree_pluck(slot);
	if (leaf == (uint32_t)key)
		return;
	*links_of(link_block(leaf)) = *links_of(b);
	*slot = leaf;
}

/* The block with the least key in the tree at link, which is not empty. */
static struct block_meta *tree_least(uint32_t link)
{
	struct block_meta *best = link_block(link);
	uint64_t least = key_of(best);

	/* What is below to[0] is less than what is below to[1], but not than the node. */
	for (struct links *node = links_of(best); node->to[0] | node->to[1];) {
		struct block_meta *b = link_block(node->to[!node->to[0]]);
		uint64_t key = key_of(b);

		if (key < least) {
			least = key;
			best = b;
		}
		node = links_of(b);
	}
	return best;
}

/* The block with the least key from bound on in the tree at link, NULL when there is none. */
static struct block_meta *tree_at_least(uint32_t link, int bit, uint64_t bound)
{
	struct block_meta *best = NULL;
	uint64_t least = UINT64_MAX;
	uint32_t larger = 0;	/* the deepest subtree off the path, all keys above bound */

	for (; link; bit--) {
		struct block_meta *b = link_block(link);
		uint64_t key = key_of(b);
		unsigned int way = branch(bound, bit);

		if (key >= bound && key < least) {
			least = key;
			best = b;
		}
		if (!way && links_of(b)->to[1])
			larger = links_of(b)->to[1];
		link = links_of(b)->to[way];
	}
	if (larger) {
		struct block_meta *b = tree_least(larger);

		best = key_of(b) < least ? b : best;
	}
	return best;
}

/* Two trees under a new root, whose bit is clear in all keys of the left one. */
static uint32_t tree_join(uint32_t left, uint32_t right)
{
	uint32_t root;

	if (!left && !right)
		return 0;
	root = tree_pluck(left ? &left : &right);
	*link_follow(root) = (struct links){ { left, right } };
	return root;
}

/* The index */

/* The heap has outgrown the exact bins' cells: joins every two into one. */
static void index_widen(void)
{
	for (unsigned int bin = 0; bin < EXACT_BINS; bin++) {
		if (!cells[bin])
			continue;
		cells[bin] = 0;
		for (unsigned int cell = 0; cell < CELLS; cell++) {
			uint32_t *pair = &roots[bin][2 * cell % CELLS];

			roots[bin][cell] = cell < CELLS / 2 ? tree_join(pair[0], pair[1]) : 0;
			cells[bin] |= (uint64_t)!!roots[bin][cell] << cell;
		}
	}
	span_log++;
}

void fit_index(struct block_meta *b)
{
	struct place place;

	while (unlikely(link_to(b) >> span_log >= CELLS))
		index_widen();
	b->status = STATUS_FREE;
	b->seal = 0;
	block_seal(b);
	place = place_of(key_of(b));
	tree_insert(&roots[place.bin][place.cell], place.top, b);
	cells[place.bin] |= 1UL << place.cell;
	filled[place.bin / WORD_BITS] |= 1UL << place.bin % WORD_BITS;
	filled_words |= 1UL << place.bin / WORD_BITS;
}

static void index_remove(struct block_meta *b)
{
	struct place place = place_of(key_of(b));
	uint32_t *root = &roots[place.bin][place.cell];

	tree_remove(root, place.top, b);
	if (*root)
		return;
	cells[place.bin] &= ~(1UL << place.cell);
	if (cells[place.bin])
		return;
	filled[place.bin / WORD_BITS] &= ~(1UL << place.bin % WORD_BITS);
	if (!filled[place.bin / WORD_BITS])
		filled_words &= ~(1UL << place.bin / WORD_BITS);
}

static struct block_meta *index_find(size_t size)
{
	uint64_t bound = size / ALIGNMENT << LINK_BITS;
	struct place place = place_of(bound);
	uint64_t there = cells[place.bin] >> place.cell;
	struct block_meta *b;

	if (there & 1) {
		b = tree_at_least(roots[place.bin][place.cell], place.top, bound);
		if (b)
			return b;
	}
	/* Whatever lies in a later cell or bin is large enough: the least will do. */
	if (there > 1) {
		place.cell += (unsigned int)__builtin_ctzl(there & ~1UL);
		return tree_least(roots[place.bin][place.cell]);
	}
	place.bin = bin_filled(place.bin + 1);
	if (place.bin == BINS)
		return NULL;
	return tree_least(roots[place.bin][__builtin_ctzl(cells[place.bin])]);
}

/* Whether the index, without what waits, has a block of at least size. */
static bool index_has(size_t size)
{
	/* A bin above the size's own holds nothing smaller: no need to look inside. */
	return bin_filled(bin_of(size / ALIGNMENT) + 1) < BINS || index_find(size);
}

struct block_meta *fit_take(size_t size)
{
	struct block_meta *b = index_find(size);

	if (!b)
		return NULL;
	__builtin_prefetch((void *)block_end(b));
	block_verify(b);
	index_remove(b);
	return b;
}

/* Waiting */

void fit_wait(struct block_meta *b)
{
	struct links *links = links_of(b);

	/* The next search looks at both neighbours. */
	__builtin_prefetch(b->prev);
	__builtin_prefetch((void *)block_end(b));
	b->status = STATUS_FREE;
	b->seal = SEAL_WAITING;
	block_seal(b);
	links->to[BEFORE] = 0;
	links->to[BEHIND] = waiting;
	if (waiting)
		link_follow(waiting)->to[BEFORE] = link_to(b);
	waiting = link_to(b);
}

/*
 * The block behind b in the list, the first one for NULL. No seal covers the
 * links, but each of the two neighbours has one to the other.
 */
static struct block_meta *waiting_after(struct block_meta *b)
{
	uint32_t link = b ? links_of(b)->to[BEHIND] : waiting;
	struct block_meta *after = link ? link_block(link) : NULL;

	if (unlikely(after && links_of(after)->to[BEFORE] != (b ? link_to(b) : 0)))
		check_fail("overwritten header", block_payload(b ? b : after));
	return after;
}

static void waiting_remove(struct block_meta *b)
{
	struct block_meta *after = waiting_after(b);
	uint32_t link = links_of(b)->to[BEFORE];
	struct block_meta *before = link ? link_block(link) : NULL;

	if (unlikely(waiting_after(before) != b))
		check_fail("overwritten header", block_payload(b));
	if (after)
		links_of(after)->to[BEFORE] = link;
	if (before)
		links_of(before)->to[BEHIND] = links_of(b)->to[BEHIND];
	else
		waiting = links_of(b)->to[BEHIND];
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
	bool merged = false;

	fit_drop(b);
	for (other = b->prev; other && block_is_free(other); other = b->prev) {
		fit_drop(other);
		block_swallow(other, b);
		b = other;
		merged = true;
	}
	for (other = block_right(b); other && block_is_free(other); other = block_right(b)) {
		fit_drop(other);
		block_swallow(b, other);
		merged = true;
	}
	if (merged)
		block_tie(b);
	fit_index(b);
}

void fit_settle(void)
{
	struct block_meta *b;

	while ((b = waiting_after(NULL)))
		settle(b);
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
	block_verify(b);
	if (!free_left(b))
		return b;
	block_verify(b->prev);
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
	bool found = index_has(size);

	for (struct block_meta *b = waiting_after(NULL); b && !found; b = waiting_after(b)) {
		struct block_meta *start = run_start(b);

		found = start && run_end(start) - (uintptr_t)block_payload(start) >= size;
	}
	*last = 0;
	if (found)
		return true;
	block_verify(tail);
	if (!block_is_free(tail))
		return false;
	for (; free_left(tail); tail = tail->prev)
		block_verify(tail->prev);
	*last = block_end(heap.last) - (uintptr_t)block_payload(tail);
	return false;
}

/* Audit */

/* What an audit has found: how many free blocks, by walking heap and index. */
struct census {
	size_t on_heap[2];	/* that are indexed, that wait */
	size_t in_index;
};

static int count_free(const struct block_meta *b, void *arg)
{
	struct census *census = arg;

	if (!block_is_free(b))
		return 0;
	census->on_heap[block_is_waiting(b)]++;
	return free_left(b) && !block_is_waiting(b) && !block_is_waiting(b->prev);
}

/* Counts the blocks below link; each must agree with path above bit, and be an indexed one. */
static bool tree_agrees(uint32_t link, int bit, uint64_t path, struct census *census)
{
	struct block_meta *b;
	uint64_t key;

	if (!link)
		return true;
	b = link_block(link);
	key = key_of(b);
	census->in_index++;
	if (!block_is_sealed(b) || !block_is_free(b) || block_is_waiting(b) ||
	    (key ^ path) >> (bit + 1))
		return false;
	return tree_agrees(links_of(b)->to[0], bit - 1, path, census) &&
	       tree_agrees(links_of(b)->to[1], bit - 1, path | (bit < 0 ? 0 : 1UL << bit), census);
}

/* Looks at the cells that have a bit: a root without one is missed by the census. */
static const char *bin_fault(unsigned int bin, struct census *census)
{
	for (uint64_t left = cells[bin]; left; left &= left - 1) {
		unsigned int cell = (unsigned int)__builtin_ctzl(left);
		uint32_t root = roots[bin][cell];
		uint64_t key = root ? key_of(link_block(root)) : 0;
		struct place place = place_of(key);

		if (!root)
			return "fit 3: bitmaps";
		/* All keys of a cell agree above its topmost deciding bit. */
		if (place.bin != bin || place.cell != cell ||
		    !tree_agrees(root, place.top, key & ~0UL << (place.top + 1), census))
			return "fit 2: bin, cell or path of an indexed block";
	}
	return !cells[bin] == !(filled[bin / WORD_BITS] >> bin % WORD_BITS & 1) ? NULL :
		"fit 3: bitmaps";
}

const char *fit_check(void)
{
	struct census census = { .in_index = 0 };
	const char *fault = NULL;

	if (block_walk(count_free, &census))
		return "fit 4: adjacent indexed blocks";
	for (unsigned int bin = 0; bin < BINS && !fault; bin++)
		fault = bin_fault(bin, &census);
	for (struct block_meta *b = waiting_after(NULL); b && !fault; b = waiting_after(b))
		if (!block_is_waiting(b) || census.on_heap[1]-- == 0)
			fault = "fit 1: waiting list";
	for (unsigned int word = 0; word < WORDS && !fault; word++)
		if (!filled[word] != !(filled_words >> word & 1))
			fault = "fit 3: bitmaps";
	if (!fault && (census.in_index != census.on_heap[0] || census.on_heap[1]))
		fault = "fit 1: a free block neither waits nor is indexed";
	return fault;
}
