// SPDX-License-Identifier: BSD-3-Clause

#include "fit.h"

#include "index.h"

static uint32_t unmerged;	/* the first run in the list of runs to be merged */

/* The list of runs to be merged */

/* The list links of the run at link, which its second member holds; from contains the link. */
static struct member *list_member(uint32_t link, const struct header *from)
{
	struct header *first = link_block(link);

	block_verify(first);
	if (unlikely(!run_has_members(first)))
		check_fail("overwritten header", block_payload(from));
	return member_of(run_second(first));
}

static void list_add(struct header *first)
{
	struct member *second = member_of(run_second(first));

	second->before = 0;
	second->behind = unmerged;
	if (unmerged)
		list_member(unmerged, first)->before = link_to(first);
	unmerged = link_to(first);
}

static void list_remove(struct header *first)
{
	const struct member *self = list_member(link_to(first), first);
	const struct header *second = run_second(first);
	uint32_t *before = &unmerged;
	uint32_t *behind = NULL;

	if (self->before)
		before = &list_member(self->before, second)->behind;
	if (self->behind)
		behind = &list_member(self->behind, second)->before;
	if (unlikely(*before != link_to(first) || (behind && *behind != link_to(first))))
		check_fail("overwritten header", block_payload(second));
	*before = self->behind;
	if (behind)
		*behind = self->before;
}

/* Runs */

void fit_remove(struct header *first)
{
	block_verify(first);
	if (unlikely(!block_is_free(first) || first->checksum & FLAG_INNER))
		check_fail("overwritten header", block_payload(first));
	index_remove(first);
	if (run_has_members(first))
		list_remove(first);
}

/* Sets the flags and the checksum of the free block b. */
static void finish_free(struct header *b, unsigned int flags)
{
	b->checksum = flags;
	block_set_checksum(b);
}

/* Indexes the run from first to last and sets first's checksum; the others have FLAG_INNER. */
static void run_put(struct header *first, struct header *last)
{
	if (likely(first == last)) {
		finish_free(first, 0);
	} else {
		finish_free(first, FLAG_RUN);
		member_of(run_second(first))->last = link_to(last);
		member_of(last)->first = link_to(first);
		list_add(first);
	}
	index_insert(first, block_end(last) - (uintptr_t)block_payload(first));
}

static bool is_free(const struct header *b)
{
	return b && block_is_free(b);
}

void fit_add(struct header *b)
{
	struct header *right = block_right(b);
	struct header *left = b->prev;
	struct header *first = b;
	struct header *last = b;

	__builtin_prefetch(left);
	b->status = STATUS_FREE;
	if (is_free(right)) {
		fit_remove(right);
		last = run_last(right);
		finish_free(right, FLAG_INNER);
	}
	if (is_free(left)) {
		first = run_first(left);
		fit_remove(first);
		finish_free(b, FLAG_INNER);
	}
	run_put(first, last);
}

/*
 * Merges the run into one block; its place in the index is already right. Does not write to its
 * other members: their checksums include heap.merges and become invalid when that increases.
 */
static void run_merge(struct header *first)
{
	size_t size = run_size(first);

	list_remove(first);
	first->size = size;
	finish_free(first, 0);
	block_update_right(first);
	payload_hide(block_payload(first), size);
}

void fit_merge_all(void)
{
	if (!unmerged)
		return;
	slow_step();
	while (unmerged)
		run_merge(link_block(unmerged));
	heap.merges++;
}

size_t fit_last(void)
{
	block_verify(heap.last);
	return block_is_free(heap.last) ? run_size(run_first(heap.last)) : 0;
}

size_t fit_right_of(const struct header *b, bool *reaches_last)
{
	struct header *right = block_right(b);

	*reaches_last = false;
	if (!is_free(right))
		return 0;
	*reaches_last = run_last(right) == heap.last;
	return run_size(right);
}

void fit_absorb(struct header *b, size_t size)
{
	struct header *right = block_right(b);
	struct header *last;

	if (!is_free(right))
		return;
	fit_remove(right);
	last = run_last(right);
	while (b->size < size && right <= last) {
		block_absorb(b, right);
		right = (struct header *)block_end(b);
	}
	if (right > last) {
		block_update_right(b);
		return;
	}
	block_verify(right);
	right->prev = b;
	run_put(right, last);
}

/* Audit */

/* Findings of a walk over the heap so far. */
struct census {
	const struct header *left;	/* the block before this one */
	const struct header *first;	/* of the last run */
	size_t runs;
	size_t unmerged;		/* runs of several members */
	const char *fault;
};

static const char *run_fault(const struct header *b, const struct census *census)
{
	const struct header *left = census->left;
	bool inner = left && block_is_free(left) && block_end(left) == (uintptr_t)b;
	bool goes_on = is_free(block_right(b));

	if (inner != !!(b->checksum & FLAG_INNER) || (!inner && goes_on != run_has_members(b)))
		return "fit 2: FLAG_INNER or FLAG_RUN";
	if (inner && !goes_on && run_first((struct header *)b) != census->first)
		return "fit 3: ends of a run";
	return NULL;
}

static int count_run(const struct header *b, void *arg)
{
	struct census *census = arg;

	if (block_is_free(b)) {
		census->fault = run_fault(b, census);
		if (!(b->checksum & FLAG_INNER)) {
			census->first = b;
			census->runs++;
			census->unmerged += run_has_members(b);
		}
	}
	census->left = b;
	return !!census->fault;
}

const char *fit_check(void)
{
	struct census census = { .runs = 0 };
	const char *fault;
	size_t runs = 0;

	if (block_walk(count_run, &census))
		return census.fault;
	fault = index_check(&runs);
	if (!fault && runs != census.runs)
		fault = "fit 1: a run that is not in the index";
	for (uint32_t link = unmerged; link && !fault; link = list_member(link, heap.last)->behind)
		if (census.unmerged-- == 0)
			fault = "fit 4: list of runs to be merged";
	if (!fault && census.unmerged)
		fault = "fit 4: list of runs to be merged";
	return fault;
}
