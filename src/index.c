// SPDX-License-Identifier: BSD-3-Clause

#include "index.h"

#define WORD_BITS	64
#define LINK_BITS	32

/* Bins */
#define EXACT_LOG	(31 - __builtin_clz(EXACT_BINS))
#define STEP_LOG	(31 - __builtin_clz(RANGE_STEPS))
#define RANGE_BINS	((LINK_BITS - EXACT_LOG) * RANGE_STEPS)
#define BINS		(EXACT_BINS + RANGE_BINS)
#define BIN_WORDS	((BINS + WORD_BITS - 1) / WORD_BITS)

/* Cells of an exact bin: CELL_STEPS of CELL_SPAN bytes, then CELL_STEPS for each doubling. */
#define SPAN_LOG	(31 - __builtin_clz(CELL_SPAN / ALIGNMENT))
#define CELL_LOG	(31 - __builtin_clz(CELL_STEPS))
#define CELLS		((LINK_BITS - SPAN_LOG - CELL_LOG + 1) * CELL_STEPS)
#define CELL_WORDS	((CELLS + WORD_BITS - 1) / WORD_BITS)

/* Cells of a range bin: WORD_BITS. */
#define PART_LOG	6

static uint32_t exact_roots[CELLS][EXACT_BINS];	/* links; 0: an empty cell */
static uint64_t exact_cells[CELL_WORDS][EXACT_BINS];	/* bit c: cell c of the word */
static uint64_t exact_words[EXACT_BINS];	/* bit w: exact_cells[w] is not 0 */

static uint32_t range_roots[RANGE_BINS][WORD_BITS];
static uint64_t range_cells[RANGE_BINS];

static uint64_t filled[BIN_WORDS];	/* bit b: bin b is not empty */
static uint64_t filled_words;		/* bit w: filled[w] is not 0 */

_Static_assert(CELL_WORDS <= WORD_BITS, "exact_words has a bit for each word of cells");

static unsigned int log_of(uint64_t n)
{
	return WORD_BITS - 1 - (unsigned int)__builtin_clzl(n);
}

static unsigned int lowest(uint64_t bits)
{
	return (unsigned int)__builtin_ctzl(bits);
}

static uint64_t bit(unsigned int n)
{
	return 1UL << n % WORD_BITS;
}

/* Keys and their positions */

/* The key that orders runs: size in units of ALIGNMENT, then address. */
static uint64_t key_for(const struct header *first, size_t size)
{
	return size / ALIGNMENT << LINK_BITS | link_to(first);
}

static uint64_t key_of(struct header *first)
{
	return key_for(first, run_size(first));
}

/* The position of a key in the index. */
struct place {
	uint32_t *root;
	unsigned int bin;
	unsigned int cell;
	int top;	/* the key bit of the root's level; each level uses the next lower one */
};

static struct place place_exact(unsigned int bin, uint32_t link)
{
	uint32_t span = link >> SPAN_LOG;
	unsigned int doubling = span < 2 * CELL_STEPS ? 0 : log_of(span) - CELL_LOG;
	unsigned int cell = doubling * CELL_STEPS + (span >> doubling);

	return (struct place){
		.root = &exact_roots[cell][bin],
		.bin = bin,
		.cell = cell,
		.top = (int)(SPAN_LOG + doubling) - 1,
	};
}

static struct place place_range(uint64_t units)
{
	unsigned int log = log_of(units);
	unsigned int step = (unsigned int)(units >> (log - STEP_LOG)) & (RANGE_STEPS - 1);
	unsigned int range = (log - EXACT_LOG) * RANGE_STEPS + step;
	unsigned int below = log - STEP_LOG - PART_LOG;
	unsigned int cell = (unsigned int)(units >> below) & (WORD_BITS - 1);

	return (struct place){
		.root = &range_roots[range][cell],
		.bin = EXACT_BINS + range,
		.cell = cell,
		.top = (int)(LINK_BITS + below) - 1,
	};
}

static struct place place_of(uint64_t key)
{
	uint64_t units = key >> LINK_BITS;

	if (likely(units < EXACT_BINS))
		return place_exact((unsigned int)units, (uint32_t)key);
	return place_range(units);
}

/* Bitmaps */

static void bin_mark(unsigned int bin)
{
	filled[bin / WORD_BITS] |= bit(bin);
	filled_words |= bit(bin / WORD_BITS);
}

static void bin_unmark(unsigned int bin)
{
	filled[bin / WORD_BITS] &= ~bit(bin);
	if (!filled[bin / WORD_BITS])
		filled_words &= ~bit(bin / WORD_BITS);
}

/* Marks the cell at place as not empty. */
static void place_mark(const struct place *place)
{
	unsigned int word = place->cell / WORD_BITS;

	if (likely(place->bin < EXACT_BINS)) {
		exact_cells[word][place->bin] |= bit(place->cell);
		exact_words[place->bin] |= bit(word);
	} else {
		range_cells[place->bin - EXACT_BINS] |= bit(place->cell);
	}
	bin_mark(place->bin);
}

/* Marks the cell at place as empty. */
static void place_unmark(const struct place *place)
{
	unsigned int word = place->cell / WORD_BITS;
	uint64_t *cells;

	if (likely(place->bin < EXACT_BINS)) {
		cells = &exact_cells[word][place->bin];
		*cells &= ~bit(place->cell);
		if (*cells)
			return;
		cells = &exact_words[place->bin];
		*cells &= ~bit(word);
	} else {
		cells = &range_cells[place->bin - EXACT_BINS];
		*cells &= ~bit(place->cell);
	}
	if (!*cells)
		bin_unmark(place->bin);
}

/* The first non-empty bin from start on; BINS if there is none. */
static unsigned int bin_filled(unsigned int start)
{
	unsigned int word = start / WORD_BITS;
	uint64_t bits, later;

	if (unlikely(start >= BINS))
		return BINS;
	bits = filled[word] & ~0UL << start % WORD_BITS;
	if (!bits) {
		later = filled_words >> word >> 1;
		if (!later)
			return BINS;
		word += 1 + lowest(later);
		bits = filled[word];
	}
	return word * WORD_BITS + lowest(bits);
}

/* The root of the bin's first non-empty cell. */
static uint32_t bin_first(unsigned int bin)
{
	unsigned int word;

	if (unlikely(bin >= EXACT_BINS))
		return range_roots[bin - EXACT_BINS][lowest(range_cells[bin - EXACT_BINS])];
	word = lowest(exact_words[bin]);
	return exact_roots[word * WORD_BITS + lowest(exact_cells[word][bin])][bin];
}

/* The tree of one cell */

/* The links of the node at link, for writing; verifies that the node is a free block. */
static struct links *node_links(uint32_t link)
{
	struct header *b = link_block(link);

	block_verify(b);
	if (unlikely(!block_is_free(b)))
		check_fail("overwritten header", block_payload(b));
	return links_of(b);
}

/* The key bit of the next level, where link leads; aborts if no bit is left. */
static int next_bit(int bit, uint32_t link)
{
	if (unlikely(bit < 0))
		check_fail("overwritten header", block_payload(link_block(link)));
	return bit - 1;
}

/* The child for the key below a node whose level uses this bit. */
static unsigned int branch(uint64_t key, int bit)
{
	return key >> (bit & (WORD_BITS - 1)) & 1;
}

/* Removes any leaf from the tree at *slot, whose root uses bit, and returns it. */
static uint32_t tree_remove_leaf(uint32_t *slot, int bit)
{
	struct links *node = links_of(link_block(*slot));
	uint32_t leaf;

	while (node->to[0] | node->to[1]) {
		slot = &node->to[!node->to[0]];
		bit = next_bit(bit, *slot);
		node = node_links(*slot);
	}
	leaf = *slot;
	*slot = 0;
	return leaf;
}

static void tree_insert(uint32_t *slot, int bit, uint64_t key)
{
	while (*slot) {
		slot = &node_links(*slot)->to[branch(key, bit)];
		bit = next_bit(bit, (uint32_t)key);
	}
	*slot = (uint32_t)key;
	*links_of(link_block((uint32_t)key)) = (struct links){ { 0, 0 } };
}

static void tree_remove(uint32_t *slot, int bit, uint64_t key)
{
	uint32_t leaf;

	while (*slot != (uint32_t)key) {
		slot = &node_links(*slot)->to[branch(key, bit)];
		bit = next_bit(*slot ? bit : -1, (uint32_t)key);
	}
	leaf = tree_remove_leaf(slot, bit);
	if (leaf == (uint32_t)key)
		return;
	*links_of(link_block(leaf)) = *links_of(link_block((uint32_t)key));
	*slot = leaf;
}

/* The run with the least key in the non-empty tree at link. */
static struct header *tree_least(uint32_t link)
{
	struct header *best = link_block(link);
	struct links *node = links_of(best);
	uint64_t least;
	int bit;

	if (likely(!(node->to[0] | node->to[1])))
		return best;
	least = key_of(best);
	bit = place_of(least).top;
	/* Keys below to[0] are less than those below to[1]; the node's own key may be any. */
	while (node->to[0] | node->to[1]) {
		struct header *b = link_block(node->to[!node->to[0]]);
		uint64_t key = key_of(b);

		bit = next_bit(bit, link_to(b));
		if (key < least) {
			least = key;
			best = b;
		}
		node = links_of(b);
	}
	return best;
}

/* The run with the least key >= bound in the tree at link; NULL if there is none. */
static struct header *tree_at_least(uint32_t link, int bit, uint64_t bound)
{
	struct header *best = NULL;
	uint64_t least = UINT64_MAX;
	uint32_t larger = 0;	/* the deepest subtree off the path whose keys all exceed bound */

	while (link) {
		struct header *b = link_block(link);
		uint64_t key = key_of(b);
		unsigned int way = branch(bound, bit);

		if (key >= bound && key < least) {
			least = key;
			best = b;
		}
		if (!way && links_of(b)->to[1])
			larger = links_of(b)->to[1];
		link = links_of(b)->to[way];
		if (link)
			bit = next_bit(bit, link);
	}
	if (larger) {
		struct header *b = tree_least(larger);

		best = key_of(b) < least ? b : best;
	}
	return best;
}

/* The index */

void index_insert(struct header *first, size_t size)
{
	uint64_t key = key_for(first, size);
	struct place place = place_of(key);

	if (!*place.root)
		place_mark(&place);
	tree_insert(place.root, place.top, key);
}

void index_remove(struct header *first)
{
	uint64_t key = key_of(first);
	struct place place = place_of(key);

	tree_remove(place.root, place.top, key);
	if (!*place.root)
		place_unmark(&place);
}

/* The best fit for bound in the range bin at place, the position of bound; NULL if none. */
static struct header *range_best(const struct place *place, uint64_t bound)
{
	uint64_t there = range_cells[place->bin - EXACT_BINS] >> place->cell;
	struct header *b;

	if (there & 1) {
		b = tree_at_least(*place->root, place->top, bound);
		if (b)
			return b;
	}
	/* Every run in a later cell is large enough: take the least. */
	there &= ~1UL;
	return there ? tree_least(place->root[lowest(there)]) : NULL;
}

struct header *index_best(size_t size)
{
	unsigned int bin = (unsigned int)(size / ALIGNMENT);
	struct header *b;
	struct place place;

	if (unlikely(bin >= EXACT_BINS)) {
		place = place_range(size / ALIGNMENT);
		b = range_best(&place, (uint64_t)(size / ALIGNMENT) << LINK_BITS);
		if (b)
			return b;
		bin = place.bin + 1;
	}
	bin = bin_filled(bin);
	return bin < BINS ? tree_least(bin_first(bin)) : NULL;
}

/* Large runs */

static struct header *tree_around(uint32_t link, int bit, uintptr_t address)
{
	struct header *b, *found = NULL;

	if (!link)
		return NULL;
	b = link_block(link);
	if (address - (uintptr_t)b < HEADER + run_size(b))
		return b;
	for (int way = 0; way < 2 && !found; way++)
		if (links_of(b)->to[way])
			found = tree_around(links_of(b)->to[way], next_bit(bit, link), address);
	return found;
}

struct header *index_large_around(uintptr_t address)
{
	struct place least = place_range((LIVE_MOST - HEADER) / ALIGNMENT);
	struct header *found = NULL;

	for (unsigned int range = least.bin - EXACT_BINS; range < RANGE_BINS && !found; range++)
		for (uint64_t cells = range_cells[range]; cells && !found; cells &= cells - 1)
			found = tree_around(range_roots[range][lowest(cells)], WORD_BITS, address);
	return found;
}

/* Audit */

/* Counts the runs below link; false if one is invalid or its key differs from path above bit. */
static bool tree_agrees(uint32_t link, int bit, uint64_t path, size_t *runs)
{
	struct links *children;
	struct header *b;

	if (!link)
		return true;
	b = link_block(link);
	children = links_of(b);
	++*runs;
	if (bit < -1 || !block_is_intact(b) || !block_is_free(b) || b->checksum & FLAG_INNER ||
	    (key_of(b) ^ path) >> (bit + 1))
		return false;
	return tree_agrees(children->to[0], bit - 1, path, runs) &&
	       tree_agrees(children->to[1], bit - 1, path | (bit < 0 ? 0 : 1UL << bit), runs);
}

/* Whether all runs of the tree at root belong in this bin and cell. */
static bool cell_agrees(const uint32_t *root, size_t *runs)
{
	uint64_t key = key_of(link_block(*root));
	struct place place = place_of(key);

	/* All keys of a cell have the same bits above place.top. */
	return place.root == root &&
	       tree_agrees(*root, place.top, key & ~0UL << (place.top + 1), runs);
}

/* Checks the cells whose bit is set; their roots are stride apart. Does not count any other. */
static const char *cells_fault(uint64_t bits, const uint32_t *roots, size_t stride, size_t *runs)
{
	for (; bits; bits &= bits - 1) {
		const uint32_t *root = &roots[lowest(bits) * stride];

		if (!*root)
			return "index 2: bitmaps";
		if (!cell_agrees(root, runs))
			return "index 1: bin, cell or path of a run";
	}
	return NULL;
}

/*
 * Whether exact_words agrees with exact_cells. Goes through exact_cells as it lies in memory,
 * without a branch, because an audit reads all of its words, and nearly all are 0.
 */
static bool exact_words_agree(void)
{
	uint64_t wrong = 0;

	for (unsigned int word = 0; word < CELL_WORDS; word++)
		for (unsigned int bin = 0; bin < EXACT_BINS; bin++)
			wrong |= !exact_cells[word][bin] ^ !(exact_words[bin] & bit(word));
	return !wrong;
}

static const char *exact_fault(unsigned int bin, size_t *runs)
{
	const char *fault = NULL;

	for (uint64_t words = exact_words[bin]; words && !fault; words &= words - 1) {
		unsigned int word = lowest(words);

		fault = cells_fault(exact_cells[word][bin], &exact_roots[word * WORD_BITS][bin],
				    EXACT_BINS, runs);
	}
	return fault;
}

static const char *bin_fault(unsigned int bin, size_t *runs)
{
	const char *fault;
	uint64_t full;

	if (bin < EXACT_BINS) {
		full = exact_words[bin];
		fault = exact_fault(bin, runs);
	} else {
		full = range_cells[bin - EXACT_BINS];
		fault = cells_fault(full, range_roots[bin - EXACT_BINS], 1, runs);
	}
	if (!fault && !full != !(filled[bin / WORD_BITS] & bit(bin)))
		fault = "index 2: bitmaps";
	return fault;
}

const char *index_check(size_t *runs)
{
	const char *fault = exact_words_agree() ? NULL : "index 2: bitmaps";

	for (unsigned int bin = 0; bin < BINS && !fault; bin++)
		fault = bin_fault(bin, runs);
	for (unsigned int word = 0; word < BIN_WORDS && !fault; word++)
		if (!filled[word] != !(filled_words & bit(word)))
			fault = "index 2: bitmaps";
	return fault;
}
