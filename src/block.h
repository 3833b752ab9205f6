/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Blocks, and the heap that they make up.
 *
 * The heap is one region, which begins at the program break of its first use. It has several
 * regions if other code has moved the break in between (B2). Invariants, which block_check()
 * names:
 *
 *  1. Blocks tile each region: each block begins where its left neighbour ends.
 *  2. size is a multiple of 8; status is STATUS_FREE or STATUS_ALLOC (G2, G3).
 *  3. prev is the left neighbour in the region, NULL for the first block. In a block with
 *     FLAG_INNER, prev belongs to run.h.
 *  4. next of a live block is its right neighbour, NULL for the region's last block. In a free
 *     block, next belongs to run.h.
 *  5. checksum is valid (see below).
 *  6. heap.last is the last block of the last region.
 *
 * The header checksum is keyed and covers a header's address and fields, except the links of a
 * free block. It distinguishes a payload from any other pointer, and an intact header from an
 * overwritten one; it fails to do so once in 2^30 cases. When memory stops being a header, its
 * checksum is invalidated. Code that changes a header first verifies it and then sets the new
 * checksum, so an overwritten header never gets a valid one.
 *
 * The library's lock must be held for all functions. Sizes are usable bytes.
 */

#ifndef BLOCK_H
#define BLOCK_H

#include <stdbool.h>

#include "block_meta.h"
#include "check.h"
#include "config.h"

/*
 * The library's view of a struct block_meta: it has the checksum where programs have padding.
 * Unlike struct block_meta it has no may_alias, which would make the library slower.
 */
struct header {
	size_t size;		/* usable bytes after the header, a multiple of 8 */
	int status;		/* one of STATUS_* */
	unsigned int checksum;	/* 30 bits; the low 2 bits are FLAG_INNER and FLAG_RUN */
	struct header *prev;	/* left neighbour or NULL; with FLAG_INNER: links of run.h */
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
	struct header *last;		/* the last block of that region */
	uintptr_t base;			/* where the first region starts */
	uint64_t secret[2];		/* keys of the checksums */
	uint64_t merges;		/* number of times that runs have been merged (H1) */
	bool queried;			/* the brk(0) of F1 has succeeded */
	bool watched;			/* the program runs on valgrind (config.h) */
	bool stepped;			/* a debug build must audit at the end of this call */
};

extern struct heap heap;

/* Call before a system call, a merge or an absorption: a debug build then audits. */
static inline void slow_step(void)
{
	if (DEBUG)
		heap.stepped = true;
}

/* The low bits of a free block's checksum field, for run.h. */
#define FLAG_INNER	1U	/* the left neighbour is free too */
#define FLAG_RUN	2U	/* the right neighbour is free too, the left one is not */
#define FLAG_MASK	(FLAG_INNER | FLAG_RUN)

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
 * The valid checksum of b's header, including its current flags: the two halves of a 128-bit
 * product, folded (the mixing step of Wang Yi's wyhash).
 */
static inline unsigned int block_checksum(const struct header *b)
{
	unsigned int flags = b->checksum & FLAG_MASK;
	uintptr_t prev = flags & FLAG_INNER ? heap.merges : (uintptr_t)b->prev;
	uintptr_t next = (uintptr_t)b->next & -(uintptr_t)!block_is_free(b);
	uint64_t where = heap.secret[0] ^ (uintptr_t)b ^ (b->size << 40 | b->size >> 24);
	uint64_t what = heap.secret[1] ^ prev ^ next * 0x9e3779b97f4a7c15 ^
			((unsigned int)b->status ^ (uint64_t)flags << 32) * 0xd6e8feb86659fd93;
	__uint128_t product = (__uint128_t)where * what;
	uint64_t folded = (uint64_t)(product >> 64) ^ (uint64_t)product;

	return (unsigned int)(folded >> 32 & ~(uint64_t)FLAG_MASK) | flags;
}

static inline void block_set_checksum(struct header *b)
{
	b->checksum = block_checksum(b);
}

static inline bool block_is_intact(const struct header *b)
{
	return b->checksum == block_checksum(b);
}

/* Aborts with a report if b's header was overwritten. */
static inline void block_verify(const struct header *b)
{
	if (unlikely(!block_is_intact(b)))
		check_fail("overwritten header", block_payload(b));
}

/* The region, except the last one, that contains address; NULL if there is none. */
struct region *block_region_before(uintptr_t address);

/* The region that contains address; NULL if there is none. The heap must be initialised. */
static inline struct region *block_region(uintptr_t address)
{
	struct region *r = heap.tail;

	if (unlikely(address < r->start))
		return block_region_before(address);
	return address < r->end ? r : NULL;
}

/* The right neighbour in b's region; NULL if b is the last block there. */
static inline struct header *block_right(const struct header *b)
{
	struct region *r = heap.tail;

	if (unlikely((uintptr_t)b < r->start))
		r = block_region((uintptr_t)b);
	return block_end(b) < r->end ? (struct header *)block_end(b) : NULL;
}

/* Whether b is the heap's last block and still ends at the break. */
bool block_at_break(const struct header *b);

/* F1: creates the heap, one free block without a valid checksum; NULL and ENOMEM on failure. */
struct header *block_first(void);

/* Appends a live block to the heap (H4) or in a new region; NULL and ENOMEM on failure. */
struct header *block_append(size_t size);

/* Moves the break up by more bytes for the last block (H3, X6); false and ENOMEM on failure. */
bool block_grow_last(size_t more);

/* Adds those bytes to the last block. The caller then sets its checksum. */
void block_extend_last(size_t more);

/* Makes b, live or free, live: sets its status, its next and its checksum. */
void block_make_live(struct header *b);

/*
 * Shortens b to size and returns the free block made of the rest. The caller sets the checksums
 * of both. b->size - size must be at least SPLIT_MIN (S1).
 */
struct header *block_split(struct header *b, size_t size);

/*
 * Makes right, b's free right neighbour, part of b; verifies its header first. After the last
 * of several calls, the caller calls block_update_right(b).
 */
void block_absorb(struct header *b, struct header *right);

/* Sets the prev of b's right neighbour, or heap.last, to b, after b's bounds have changed. */
void block_update_right(struct header *b);

/* Whether address is on the heap. */
static inline bool block_on_heap(uintptr_t address)
{
	return heap.tail && block_region(address);
}

/* The heap block, live or free, with this payload; NULL if there is none. */
static inline struct header *block_find(const void *payload)
{
	uintptr_t address = (uintptr_t)payload;
	struct header *b = block_of_payload(payload);
	struct region *r = heap.tail ? block_region(address) : NULL;

	return likely(r && address % ALIGNMENT == 0 && address - r->start >= HEADER &&
		      block_is_intact(b)) ? b : NULL;
}

/*
 * The block whose span contains address, a heap address; NULL if it begins farther below
 * address than a live block can. Aborts if that block's header was overwritten.
 */
const struct header *block_near(uintptr_t address);

/* Calls visit for every block in address order until it returns non-zero; returns that, or 0. */
int block_walk(int (*visit)(const struct header *b, void *arg), void *arg);

/* Checks the invariants; returns NULL or the name of the broken one. */
const char *block_check(void);

#endif
