// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WHOLE	((size_t)2048)		/* longer blocks are written and read in some places only */
#define END	((size_t)512)		/* bytes at either end of such a block, written and read */
#define PLACES	((size_t)64)		/* the number of words between them */
#define WORD	sizeof(uint64_t)

char context[200];

static struct block blocks[BLOCKS];	/* live ones first, in no particular order */
static size_t live;
static struct block *by_address[BLOCKS];
static size_t bytes_live;
static uint64_t last_seed;

void complain(const char *what, const void *where)
{
	dprintf(STDERR_FILENO, "fuzz: %s: %s: %s (%p)\n", family->name, context, what, where);
	abort();
}

size_t live_count(void)
{
	return live;
}

size_t live_bytes(void)
{
	return bytes_live;
}

struct block *live_block(size_t number)
{
	return &blocks[number % live];
}

bool has_room(void)
{
	return live < BLOCKS;
}

/* Blocks by address */

/* The number of live blocks that begin at or below an address. */
static size_t rank_of(const void *address)
{
	size_t low = 0, high = live;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if ((const void *)by_address[middle]->ptr <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool shadow_covers(const void *address)
{
	size_t rank = rank_of(address);
	const struct block *below = rank ? by_address[rank - 1] : NULL;

	/* A block of no bytes has its address to itself. */
	return below && (size_t)((const unsigned char *)address - below->ptr) <
			below->usable + !below->usable;
}

static void insert(struct block *block)
{
	size_t rank = rank_of(block->ptr);

	if (shadow_covers(block->ptr) ||
	    (rank < live && by_address[rank]->ptr < block->ptr + block->usable))
		complain("overlaps a live block", block->ptr);
	memmove(&by_address[rank + 1], &by_address[rank], (live - rank) * sizeof(by_address[0]));
	by_address[rank] = block;
	bytes_live += block->usable;
	live++;
}

static void take_out(const struct block *block)
{
	size_t rank = rank_of(block->ptr) - 1;

	bytes_live -= block->usable;
	live--;
	memmove(&by_address[rank], &by_address[rank + 1], (live - rank) * sizeof(by_address[0]));
}

/* Contents */

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/*
 * Moves to the next part of a block that is written or read; false behind the given
 * number of bytes. Parts depend on usable only and begin at words.
 */
static bool next_part(size_t usable, size_t bytes, size_t *at, size_t *length)
{
	size_t step = (usable / PLACES | (END - 1)) + 1;
	size_t next = (*at + step - 1) / step * step;

	if (usable <= WHOLE || *at >= usable - END || next >= usable - END) {
		if (usable > WHOLE && *at < usable - END)
			*at = usable - END;
		*length = usable - *at;
	} else {
		*at = next;
		*length = next ? WORD : END;
	}
	if (*at >= bytes)
		return false;
	*length = least(*length, bytes - *at);
	return true;
}

static uint64_t word_for(uint64_t seed, size_t at)
{
	return (seed + at / WORD) * 0x9e3779b97f4a7c15;
}

static void fill(const struct block *block)
{
	size_t length;

	for (size_t at = 0; next_part(block->usable, block->usable, &at, &length); at += length)
		for (size_t i = at; i < at + length; i += WORD) {
			uint64_t word = word_for(block->seed, i);

			memcpy(block->ptr + i, &word, least(at + length - i, WORD));
		}
}

/* The first place with wrong bytes, or bytes that are not zero; NULL if there is none. */
static const void *first_wrong(const unsigned char *ptr, const struct block *was, size_t bytes,
			       bool zero)
{
	size_t length;

	for (size_t at = 0; next_part(was->usable, bytes, &at, &length); at += length)
		for (size_t i = at; i < at + length; i += WORD) {
			uint64_t wanted = zero ? 0 : word_for(was->seed, i);
			uint64_t found = wanted;

			if (at + length - i >= WORD)
				memcpy(&found, ptr + i, WORD);
			else
				memcpy(&found, ptr + i, at + length - i);
			if (found != wanted)
				return ptr + i;
		}
	return NULL;
}

void shadow_verify(const struct block *block, size_t bytes)
{
	const void *wrong = first_wrong(block->ptr, block, least(bytes, block->usable), false);

	if (wrong)
		complain("contents changed", wrong);
}

void shadow_verify_all(void)
{
	for (size_t i = 0; i < live; i++)
		shadow_verify(&blocks[i], SIZE_MAX);
}

/* Blocks */

/* The bytes that belong to the program. */
static size_t usable_of(void *ptr, size_t size)
{
	size_t usable = family->usable ? family->usable(ptr) : (size + 7) / 8 * 8;

	if (usable < size)
		complain("usable size below the request", ptr);
	return usable;
}

static void settle(struct block *block, void *ptr, size_t size, size_t alignment)
{
	if ((uintptr_t)ptr % alignment)
		complain("not aligned", ptr);
	*block = (struct block){ ptr, size, usable_of(ptr, size), ++last_seed << 32 };
	insert(block);
}

void shadow_add(void *ptr, size_t size, size_t alignment, bool zero)
{
	struct block *block = &blocks[live];
	const void *wrong;

	settle(block, ptr, size, alignment);
	wrong = zero ? first_wrong(ptr, block, size, true) : NULL;
	if (wrong)
		complain("not zero", wrong);
	fill(block);
}

void shadow_move(struct block *block, void *ptr, size_t size)
{
	struct block old = *block;
	const void *wrong;

	take_out(block);
	settle(block, ptr, size, family->grain);
	wrong = first_wrong(ptr, &old, least(old.usable, size), false);
	if (wrong)
		complain("contents lost", wrong);
	fill(block);
}

void shadow_remove(struct block *block)
{
	struct block *last = &blocks[live - 1];

	take_out(block);
	if (block == last)
		return;
	by_address[rank_of(last->ptr) - 1] = block;
	*block = *last;
}

void shadow_reset(void)
{
	live = 0;
	bytes_live = 0;
	last_seed = 0;
}
