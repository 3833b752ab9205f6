/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Runs, and how the headers of free blocks represent them.
 *
 * A run is a maximal sequence of adjacent free blocks. The next search (H1) merges it into one
 * block. Until then its members stay separate, because X7 depends on them
 * (docs/internals/design.md), but the index already treats the run as one block: it has only the
 * first member, with the size of the whole run.
 *
 * The payload of a free block is never written (G6), so headers hold everything about a run. A
 * link is the 32-bit offset of a header from the heap's base in units of ALIGNMENT, plus 1; 0 means
 * none.
 *
 *   first member    prev: the left neighbour; next: two children in the index. FLAG_RUN is set if
 *                   there is a second member.
 *   other members   FLAG_INNER is set; prev and next hold four links (struct member). The second
 *                   member links to the last one, the last one to the first, so each end of a run
 *                   leads to the other in constant time.
 *
 * Checksums do not cover links. An overwritten link is detected when it is followed: it leads out
 * of the heap, its target is not a free block's header, or the target has no link back.
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
	uint32_t first;		/* the run's first member; valid in the last member only */
	uint32_t last;		/* the run's last member; valid in the second member only */
	uint32_t before;	/* previous run in the list of runs to be merged; as last */
	uint32_t behind;	/* next run in that list; as last */
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

/* The target of a link. A link out of the heap means that a header was overwritten. */
static inline struct header *link_block(uint32_t link)
{
	uintptr_t at = heap.base + (link - 1UL) * ALIGNMENT;

	if (unlikely(at - heap.base >= heap.tail->end - heap.base - HEADER))
		check_fail("overwritten header", (void *)(at + HEADER));
	return (struct header *)at;
}

static inline bool run_has_members(const struct header *first)
{
	return first->checksum & FLAG_RUN;
}

/* The second member of a run of several. */
static inline struct header *run_second(const struct header *first)
{
	return (struct header *)block_end(first);
}

/* The last member of the run that begins with first; verifies both in a run of several. */
struct header *run_last(struct header *first);

/* The first member of the run that ends with last; verifies both in a run of several. */
struct header *run_first(struct header *last);

/* The usable bytes that the run will have once merged. */
static inline size_t run_size(struct header *first)
{
	if (likely(!run_has_members(first)))
		return first->size;
	return block_end(run_last(first)) - (uintptr_t)block_payload(first);
}

#endif
