// SPDX-License-Identifier: BSD-3-Clause

#include "block.h"

#include <errno.h>

#include "os.h"

struct heap heap;

static struct region regions[REGIONS_MAX];

struct region *block_region_before(uintptr_t address)
{
	struct region *low = regions;
	struct region *high = heap.tail;

	/* Find the last region that starts at or below address, if there is one. */
	while (low < high) {
		struct region *middle = low + (high - low + 1) / 2;

		if (middle->start <= address)
			low = middle;
		else
			high = middle - 1;
	}
	return address >= low->start && address < low->end ? low : NULL;
}

/* Growth */

bool block_at_break(const struct header *b)
{
	return b == heap.last && heap.tail->end == os_break();
}

/* Whether the heap may grow up to end: links must be able to reach it (config.h). */
static bool heap_may_reach(uintptr_t end)
{
	return !heap.tail || end - heap.base <= HEAP_REACH;
}

/*
 * Creates a region of one block of size usable bytes. It begins exactly at the break (G4), or at
 * the next multiple of 8 if other code has left the break unaligned (B2).
 */
static struct header *region_open(size_t size)
{
	uintptr_t at = os_break();
	uintptr_t start = (at + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
	uintptr_t end = start + HEADER + size;
	struct region *r = heap.tail ? heap.tail + 1 : regions;

	if (r == regions + REGIONS_MAX || !heap_may_reach(end) ||
	    (heap.tail && at < heap.tail->end)) {
		errno = ENOMEM;
		return NULL;
	}
	slow_step();
	if (!os_break_grow(end - at))
		return NULL;
	r->start = start;
	r->end = end;
	heap.tail = r;
	heap.last = (struct header *)start;
	heap.last->prev = NULL;
	return heap.last;
}

bool block_grow_last(size_t more)
{
	slow_step();
	if (heap_may_reach(heap.tail->end + more))
		return os_break_grow(more);
	errno = ENOMEM;
	return false;
}

void block_extend_last(size_t more)
{
	heap.tail->end += more;
	heap.last->size += more;
}

struct header *block_first(void)
{
	struct header *b;

	if (!heap.queried && !os_break_query()) {
		errno = ENOMEM;
		return NULL;
	}
	heap.queried = true;
	b = region_open(PREALLOC - HEADER);
	if (!b)
		return NULL;
	heap.base = (uintptr_t)b;
	b->size = PREALLOC - HEADER;
	b->status = STATUS_FREE;
	b->checksum = 0;
	payload_hide(block_payload(b), b->size);
	return b;
}

/*
 * Sets the next and the checksum of a live block whose right neighbour may have changed. Does not
 * write size and status: its owner may be reading them in another thread.
 */
static void finish_live(struct header *b)
{
	b->next = block_right(b);
	block_set_checksum(b);
}

/* Appends a block to the last one, which ends at the break. */
static struct header *append_here(size_t size)
{
	struct header *left = heap.last;
	struct header *b = (struct header *)heap.tail->end;

	if (!heap_may_reach(heap.tail->end + HEADER + size)) {
		errno = ENOMEM;
		return NULL;
	}
	slow_step();
	if (!os_break_grow(HEADER + size))
		return NULL;
	heap.tail->end += HEADER + size;
	heap.last = b;
	b->prev = left;
	if (!block_is_free(left))
		finish_live(left);
	return b;
}

struct header *block_append(size_t size)
{
	struct header *b;

	b = heap.tail->end == os_break() ? append_here(size) : region_open(size);
	if (!b)
		return NULL;
	b->size = size;
	b->status = STATUS_ALLOC;
	b->checksum = 0;
	block_make_live(b);
	return b;
}

/* Shape */

void block_make_live(struct header *b)
{
	b->status = STATUS_ALLOC;
	b->checksum = 0;
	finish_live(b);
}

struct header *block_split(struct header *b, size_t size)
{
	struct header *rest = (struct header *)((uintptr_t)block_payload(b) + size);

	header_show(rest);
	rest->size = b->size - size - HEADER;
	rest->status = STATUS_FREE;
	rest->checksum = 0;
	rest->prev = b;
	b->size = size;
	block_update_right(rest);
	payload_hide(block_payload(rest), rest->size);
	return rest;
}

void block_absorb(struct header *b, struct header *right)
{
	slow_step();
	block_verify(right);
	b->size += HEADER + right->size;
	/* This is no longer a header: invalidate its checksum. */
	right->checksum ^= ~FLAG_MASK;
	header_hide(right);
}

void block_update_right(struct header *b)
{
	struct header *right = block_right(b);

	if (!right) {
		if ((uintptr_t)b >= heap.tail->start)
			heap.last = b;
		return;
	}
	block_verify(right);
	right->prev = b;
	block_set_checksum(right);
}

/* From any pointer to a block */

/* Whether b is a header. Checks more than the checksum: of many tries, one in 2^30 passes. */
static bool begins_block(const struct header *b, const struct region *r)
{
	size_t room = r->end - (uintptr_t)b - HEADER;

	return b->size - 1 < room && b->size % ALIGNMENT == 0 &&
	       (b->status == STATUS_FREE || b->status == STATUS_ALLOC) && block_is_intact(b);
}

const struct header *block_near(uintptr_t address)
{
	struct region *r = block_region(address);
	uintptr_t at = address & ~(ALIGNMENT - 1);
	uintptr_t stop = at - r->start > LIVE_MOST ? at - LIVE_MOST : r->start;
	const struct header *b;

	if (at > r->end - HEADER)
		at = r->end - HEADER;
	while (at > stop && !begins_block((const struct header *)at, r))
		at -= ALIGNMENT;
	b = (const struct header *)at;
	if (at > r->start && !begins_block(b, r))
		return NULL;
	block_verify(b);
	while (block_end(b) <= address) {
		b = (const struct header *)block_end(b);
		block_verify(b);
	}
	return b;
}

/* Audit */

int block_walk(int (*visit)(const struct header *b, void *arg), void *arg)
{
	int stop = 0;

	for (struct region *r = regions; heap.tail && r <= heap.tail && !stop; r++)
		for (uintptr_t at = r->start; at < r->end && !stop;) {
			struct header *b = (struct header *)at;

			block_verify(b);
			at = block_end(b);
			stop = visit(b, arg);
		}
	return stop;
}

/* The name of the invariant that b breaks, NULL for none; left is its left neighbour in r. */
static const char *block_fault(const struct header *b, const struct header *left,
			       const struct region *r)
{
	uintptr_t end = r->end;

	if (!block_is_intact(b))
		return "block 5: checksum";
	if (b->size % ALIGNMENT || b->size > end - (uintptr_t)block_payload(b))
		return "block 1: blocks do not tile their region";
	if (b->status != STATUS_FREE && b->status != STATUS_ALLOC)
		return "block 2: status";
	if (!(b->checksum & FLAG_INNER) && b->prev != left)
		return "block 3: prev is not the left neighbour";
	if (!block_is_free(b) && b->next != block_right(b))
		return "block 4: next is not the right neighbour";
	if (r == heap.tail && block_end(b) == end && heap.last != b)
		return "block 6: last block";
	return NULL;
}

static const char *region_check(const struct region *r)
{
	const struct header *left = NULL;
	const char *fault = NULL;

	for (uintptr_t at = r->start; at < r->end && !fault; at = block_end(left)) {
		const struct header *b = (const struct header *)at;

		fault = block_fault(b, left, r);
		left = b;
	}
	return fault;
}

const char *block_check(void)
{
	const char *fault = NULL;

	for (struct region *r = regions; heap.tail && r <= heap.tail && !fault; r++)
		fault = region_check(r);
	return fault;
}
