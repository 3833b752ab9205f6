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
 *  3. prev is the left neighbour in the region, NULL for its first block.
 *  4. next of a live block is its right neighbour, NULL for the region's last;
 *     a free block's next holds its two links, which belong to fit.h.
 *  5. seal fits the header (see below); where no block begins, none fits.
 *  6. heap.last is the last block of the last region.
 *
 * The seal is a keyed check value over a header's address and fields, but not
 * over a free block's links. It tells a payload from any other pointer, and an
 * intact header from an overwritten one, except once in 2^31. A header that
 * stops being one is unsealed. Whoever changes a header reseals it, and has
 * verified it first: an overwritten header is never made to look good.
 *
 * All functions want the library's lock. Sizes are usable bytes.
 */

#ifndef BLOCK_H
#define BLOCK_H

#include <stdbool.h>

#include "check.h"
#include "config.h"

struct region {
	uintptr_t start;
	uintptr_t end;
};

struct heap {
	struct region *tail;		/* the last region; NULL before F1 */
	struct block_meta *last;	/* its last block */
	uintptr_t base;			/* where the first region starts */
	uint64_t secret;		/* key of the seals */
	bool queried;			/* the one brk(0) of F1 has been made */
	bool watched;			/* valgrind wants to be told (config.h) */
};

extern struct heap heap;

/* Bit 0 of seal, for fit.h: the block is free and not merged or indexed yet. */
#define SEAL_WAITING	1U

static inline void *block_payload(const struct block_meta *b)
{
	return (char *)b + HEADER;
}

static inline struct block_meta *block_of_payload(const void *payload)
{
	return (struct block_meta *)((uintptr_t)payload - HEADER);
}

static inline uintptr_t block_end(const struct block_meta *b)
{
	return (uintptr_t)b + HEADER + b->size;
}

static inline bool block_is_free(const struct block_meta *b)
{
	return b->status == STATUS_FREE;
}

static inline bool block_is_waiting(const struct block_meta *b)
{
	return b->seal & SEAL_WAITING;
}

/* The seal that fits b's header, with bit 0 as it is. */
static inline unsigned int block_seal_of(const struct block_meta *b)
{
	uintptr_t next = block_is_free(b) ? 0 : (uintptr_t)b->next;
	uint64_t h = heap.secret ^ (uintptr_t)b ^ (b->size << 29 | b->size >> 35);

	h *= 0x9e3779b97f4a7c15;
	h ^= h >> 32;
	h += (uintptr_t)b->prev ^ (unsigned int)b->status * 0xe7037ed1a0b428db;
	h *= 0xd6e8feb86659fd93;
	h ^= h >> 29;
	h += next ^ (uint64_t)block_is_waiting(b) << 63;
	h *= 0xa0761d6478bd642f;
	return (unsigned int)(h >> 32 & ~(uint64_t)SEAL_WAITING) | (b->seal & SEAL_WAITING);
}

static inline void block_seal(struct block_meta *b)
{
	b->seal = block_seal_of(b);
}

static inline bool block_is_sealed(const struct block_meta *b)
{
	return b->seal == block_seal_of(b);
}

/* Reports and aborts if b's header was overwritten. */
static inline void block_verify(const struct block_meta *b)
{
	if (unlikely(!block_is_sealed(b)))
		check_fail("overwritten header", block_payload(b));
}

/* The region that holds the byte at address, NULL when none does. */
struct region *block_region(uintptr_t address);

/* The right neighbour in b's region, NULL when b is the last one there. */
static inline struct block_meta *block_right(const struct block_meta *b)
{
	struct region *r = heap.tail;

	if (unlikely((uintptr_t)b < r->start))
		r = block_region((uintptr_t)b);
	return block_end(b) < r->end ? (struct block_meta *)block_end(b) : NULL;
}

/* Whether b is the heap's last block and the break is still where b ends. */
bool block_at_break(const struct block_meta *b);

/* First growth of the heap (F1): one free, sealed block; NULL and ENOMEM. */
struct block_meta *block_first(void);

/* A new live block behind the heap's last one (H4), or in a new region; NULL and ENOMEM. */
struct block_meta *block_append(size_t size);

/* Moves the break by more for the last block (H3, X6); false and ENOMEM. */
bool block_grow_last(size_t more);

/* Gives the last block what block_grow_last() got. The caller reseals it. */
void block_extend_last(size_t more);

/* b was live or free and is now live: its next is set, its header sealed. */
void block_make_live(struct block_meta *b);

/*
 * Shortens b to size and returns the free, unsealed block made of the rest.
 * The caller seals both. Wants b->size - size >= SPLIT_MIN (S1).
 */
struct block_meta *block_split(struct block_meta *b, size_t size);

/*
 * Makes right, b's free right neighbour, part of b. To be followed, after the
 * last of several, by block_tie(b).
 */
void block_swallow(struct block_meta *b, struct block_meta *right);

/* Points what lies right of b back at b, after b's end or beginning has moved. */
void block_tie(struct block_meta *b);

/*
 * The block whose payload this is, live or free. NULL when there is none:
 * *what then names what the pointer is instead, NULL if it is not even on the
 * heap. Aborts when a block with an overwritten header begins there.
 */
struct block_meta *block_find(const void *payload, const char **what);

/* Calls visit for every block in address order until it returns non-zero. */
int block_walk(int (*visit)(const struct block_meta *b, void *arg), void *arg);

/* NULL or the name of the broken invariant. */
const char *block_check(void);

#endif
