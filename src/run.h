/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Runs, and what a free block's header says of them.
 *
 * A run is a longest sequence of adjacent free blocks. The next search (H1)
 * makes one block of it; until then its members stay apart, because X7 can
 * see it (docs/design.md), yet the index has the run as what it will be. So
 * only the first member is indexed, by the size of the whole run.
 *
 * The payload of a free block is never written (G6); all that is known of a run
 * lies in its headers. Links are 32-bit numbers of 8-byte units from the heap's
 * base, 0 for none.
 *
 *   first member    prev: the left neighbour; next: two children in the index.
 *                   SEAL_RUN is set when there is a second member.
 *   other members   SEAL_INNER is set; prev and next together: four links. The
 *                   second member tells the last one, the last one tells the
 *                   first: both ends of a run are a step away from each other.
 *
 * No seal covers a link. One that was overwritten is noticed when it is followed:
 * it leads out of the heap, or what it leads to is no free block's header, or
 * has no link back.
 */

#ifndef RUN_H
#define RUN_H

#include "block.h"

/* The next field of a run's first member: its children in a tree of the index. */
struct __attribute__((may_alias)) links {
	uint32_t to[2];
};

/* The prev and next fields of any other member. */
struct __attribute__((may_alias)) member {
	uint32_t first;		/* of the run; true in the last member */
	uint32_t last;		/* of the run; true in the second member, as are: */
	uint32_t before;	/* the neighbours of the run in the list of those to be merged, */
	uint32_t behind;	/* by their first members */
};

_Static_assert(sizeof(struct links) == sizeof(void *), "two links fit in next");
_Static_assert(sizeof(struct member) == 2 * sizeof(void *), "a member fits in prev and next");

static inline struct links *links_of(struct header *b)
{
	return (struct links *)&b->next;
}

static inline struct member *member_of(struct header *b)
{
	return (struct member *)&b->prev;
}

static inline uint32_t link_to(const struct header *b)
{
	return (uint32_t)(((uintptr_t)b - heap.base) / ALIGNMENT) + 1;
}

/* Where a link leads. A link out of the heap can only come from an overwritten header. */
static inline struct header *link_block(uint32_t link)
{
	uintptr_t at = heap.base + (link - 1UL) * ALIGNMENT;

	if (unlikely(at - heap.base >= heap.tail->end - heap.base - HEADER))
		check_fail("overwritten header", (void *)(at + HEADER));
	return (struct header *)at;
}

static inline bool run_has_members(const struct header *first)
{
	return first->seal & SEAL_RUN;
}

/* The second member of a run that has one. */
static inline struct header *run_second(const struct header *first)
{
	return (struct header *)block_end(first);
}

/* The last member of the run that begins with first; verifies both headers if they are two. */
struct header *run_last(struct header *first);

/* The first member of the run that ends with last; verifies last if it is another one. */
struct header *run_first(struct header *last);

/* The usable bytes that the run will have as one block. */
static inline size_t run_size(struct header *first)
{
	if (likely(!run_has_members(first)))
		return first->size;
	return block_end(run_last(first)) - (uintptr_t)block_payload(first);
}

#endif
