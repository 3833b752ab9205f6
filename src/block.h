/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Blocks and the heap they tile.
 *
 * The heap is one region, from the program break of its first use upwards, or
 * several when somebody else moved the break in between (B2). Invariants,
 * which block_check() names:
 *
 *  1. Blocks tile each region: one begins where its left neighbour ends.
 *  2. size is a multiple of 8; status is STATUS_FREE or STATUS_ALLOC (G2, G3).
 *  3. prev is the left neighbour in the region, NULL for its first block; but
 *     with SEAL_INNER it belongs to run.h.
 *  4. next of a live block is its right neighbour, NULL for the region's last;
 *     a free block's belongs to run.h.
 *  5. seal fits the header (see below).
 *  6. heap.last is the last block of the last region.
 *
 * The seal is a keyed check value over a header's address and fields, but not
 * over a free block's links. It tells a payload from any other pointer, and an
 * intact header from an overwritten one, except once in 2^30. A header that
 * stops being one is unsealed. Code that changes a header verifies it first
 * and reseals it afterwards: an overwritten header is never made to look good.
 *
 * All functions want the library's lock. Sizes are usable bytes.
 */

#ifndef BLOCK_H
#define BLOCK_H

#include <stdbool.h>

#include "block_meta.h"
#include "check.h"
#include "config.h"

/*
 * A struct block_meta as the library sees it: with the seal, where programs have padding.
 * That one may alias, not this one: the library is faster if its own headers do not.
 */
struct header {
	size_t size;		/* usable bytes behind the header, a multiple of 8 */
	int status;		/* one of STATUS_* */
	unsigned int seal;	/* check value over this header, and SEAL_FLAGS */
	struct header *prev;	/* left neighbour or NULL; in some free blocks run.h's */
	struct header *next;	/* live: right neighbour or NULL; free: links of run.h */
};

_Static_assert(sizeof(struct header) == HEADER && sizeof(struct block_meta) == HEADER, "G1");
_Static_assert(offsetof(struct header, size) == offsetof(struct block_meta, size), "G1");
_Static_assert(offsetof(struct header, status) == offsetof(struct block_meta, status), "G1");
_Static_assert(offsetof(struct header, prev) == offsetof(struct block_meta, prev), "G1");
_Static_assert(offsetof(struct header, next) == offsetof(struct block_meta, next), "G1");

struct region {
	uintptr_t start;
	uintptr_t end;
};

struct heap {
	struct region *tail;		/* the last region; NULL before F1 */
	struct header *last;	/* its last block */
	uintptr_t base;			/* where the first region starts */
	uint64_t secret[2];		/* keys of the seals */
	uint64_t merges;		/* how often all runs have been merged (H1) */
	bool queried;			/* the one brk(0) of F1 has been made */
	bool watched;			/* valgrind wants to be told (config.h) */
	bool stepped;			/* a debug build has an audit to make */
};

extern struct heap heap;

/* This call makes a system call, merges or absorbs: a debug build audits at its end. */
static inline void slow_step(void)
{
	if (DEBUG)
		heap.stepped = true;
}

/* The low bits of a free block's seal, for run.h. */
#define SEAL_INNER	1U	/* the left neighbour is free too */
#define SEAL_RUN	2U	/* the right neighbour is free too, the left one is not */
#define SEAL_FLAGS	(SEAL_INNER | SEAL_RUN)

static inline void *block_payload(const struct header *b)
{
	return (char *)b + HEADER;
}

static inline struct header *block_of_payload(const void *payload)
{
	return (struct header *)((uintptr_t)payload - HEADER);
}

static inline uintptr_t block_end(const struct header *b)
{
	return (uintptr_t)b + HEADER + b->size;
}

static inline bool block_is_free(const struct header *b)
{
	return b->status == STATUS_FREE;
}

/*
 * The seal that fits b's header, with its flags as they are: the two halves of a
 * 128-bit product, folded (the mixing step of Wang Yi's wyhash).
 */
static inline unsigned int block_seal_of(const struct header *b)
{
	unsigned int flags = b->seal & SEAL_FLAGS;
	uintptr_t prev = flags & SEAL_INNER ? heap.merges : (uintptr_t)b->prev;
	uintptr_t next = (uintptr_t)b->next & -(uintptr_t)!block_is_free(b);
	uint64_t where = heap.secret[0] ^ (uintptr_t)b ^ (b->size << 40 | b->size >> 24);
	uint64_t what = heap.secret[1] ^ prev ^ next * 0x9e3779b97f4a7c15 ^
			((unsigned int)b->status ^ (uint64_t)flags << 32) * 0xd6e8feb86659fd93;
	__uint128_t product = (__uint128_t)where * what;
	uint64_t folded = (uint64_t)(product >> 64) ^ (uint64_t)product;

	return (unsigned int)(folded >> 32 & ~(uint64_t)SEAL_FLAGS) | flags;
}

static inline void block_seal(struct header *b)
{
	b->seal = block_seal_of(b);
}

static inline bool block_is_sealed(const struct header *b)
{
	return b->seal == block_seal_of(b);
}

/* Reports and aborts if b's header was overwritten. */
static inline void block_verify(const struct header *b)
{
	if (unlikely(!block_is_sealed(b)))
		check_fail("overwritten header", block_payload(b));
}

/* The region before the last that holds the byte at address, NULL when none does. */
struct region *block_region_before(uintptr_t address);

/* The region that holds the byte at address, NULL when none does. Wants a heap. */
static inline struct region *block_region(uintptr_t address)
{
	struct region *r = heap.tail;

	if (unlikely(address < r->start))
		return block_region_before(address);
	return address < r->end ? r : NULL;
}

/* The right neighbour in b's region, NULL when b is the last one there. */
static inline struct header *block_right(const struct header *b)
{
	struct region *r = heap.tail;

	if (unlikely((uintptr_t)b < r->start))
		r = block_region((uintptr_t)b);
	return block_end(b) < r->end ? (struct header *)block_end(b) : NULL;
}

/* Whether b is the heap's last block and the break is still where b ends. */
bool block_at_break(const struct header *b);

/* First growth of the heap (F1): one free block, not sealed yet; NULL and ENOMEM. */
struct header *block_first(void);

/* A new live block behind the heap's last one (H4), or in a new region; NULL and ENOMEM. */
struct header *block_append(size_t size);

/* Moves the break by more for the last block (H3, X6); false and ENOMEM. */
bool block_grow_last(size_t more);

/* Gives the last block what block_grow_last() got. The caller reseals it. */
void block_extend_last(size_t more);

/* b was live or free and is now live: its next is set, its header sealed. */
void block_make_live(struct header *b);

/*
 * Shortens b to size and returns the free, unsealed block made of the rest.
 * The caller seals both. Wants b->size - size >= SPLIT_MIN (S1).
 */
struct header *block_split(struct header *b, size_t size);

/*
 * Makes right, b's free right neighbour, part of b; verifies its header. The
 * right neighbour of the last of several is to be told, as block_tie(b) does.
 */
void block_swallow(struct header *b, struct header *right);

/* Points what lies right of b back at b, after b's end or beginning has moved. */
void block_tie(struct header *b);

/* Whether the byte at address belongs to the heap. */
static inline bool block_on_heap(uintptr_t address)
{
	return heap.tail && block_region(address);
}

/* The block whose payload this is, live or free; NULL when there is none. */
static inline struct header *block_find(const void *payload)
{
	uintptr_t address = (uintptr_t)payload;
	struct header *b = block_of_payload(payload);
	struct region *r = heap.tail ? block_region(address) : NULL;

	return likely(r && address % ALIGNMENT == 0 && address - r->start >= HEADER &&
		      block_is_sealed(b)) ? b : NULL;
}

/*
 * The block, header included, that has the byte at address, which is on the
 * heap; NULL when it begins farther below than that of a live block can.
 * Aborts when the header that ought to be there was overwritten.
 */
const struct header *block_near(uintptr_t address);

/* Calls visit for every block in address order until it returns non-zero. */
int block_walk(int (*visit)(const struct header *b, void *arg), void *arg);

/* NULL or the name of the broken invariant. */
const char *block_check(void);

#endif
