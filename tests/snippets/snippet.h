/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What every test program shares. Only os_*() and write(2) are called from
 * here: no stdio (its buffers would move the break) and no libc comparison
 * (a library under test could have replaced it).
 *
 * A live block made by the x*() functions is always filled over its whole
 * usable size with a pattern derived from its address. verify() compares it;
 * xrealloc() and xfree() do so before they give the block away.
 *
 * A failed CHECK() writes file, line and text to stderr and dies by SIGILL.
 */

#ifndef SNIPPET_H
#define SNIPPET_H

#include <errno.h>
#include <stdint.h>
#include <unistd.h>

#include "block_meta.h"
#include "osmem.h"

#define HEADER		32		/* bytes in front of each payload (G1) */
#define THRESHOLD	131072		/* spans from here on are mappings (W1), also F1's growth */
#define PAGE		4096		/* calloc's spans from here on are mappings (W2) */
#define LEAST_SPLIT	40		/* least surplus that becomes a block (S1) */

#define STRING_(x)	#x
#define STRING(x)	STRING_(x)
#define HERE		__FILE__ ":" STRING(__LINE__) ": "

#define CHECK(condition, text)	check_at(HERE, condition, text)

/* Without the macros' HERE: the same functions with the caller's file and line. */
#define verify(ptr)		verify_at(HERE, ptr)
#define xmalloc(size)		xmalloc_at(HERE, size)
#define xcalloc(nmemb, size)	xcalloc_at(HERE, nmemb, size)
#define xrealloc(ptr, size)	xrealloc_at(HERE, ptr, size)
#define xfree(ptr)		xfree_at(HERE, ptr)
#define take_rest(first, last)	take_rest_at(HERE, first, last)

static inline size_t text_length(const char *text)
{
	size_t length = 0;

	while (text[length] != '\0')
		length++;
	return length;
}

static inline void complain(const char *text)
{
	if (write(STDERR_FILENO, text, text_length(text)) < 0)
		__builtin_trap();
}

static inline void check_at(const char *where, int condition, const char *text)
{
	if (condition)
		return;
	complain(where);
	complain(text);
	complain("\n");
	__builtin_trap();
}

static inline size_t round_up(size_t size)
{
	return (size + 7) / 8 * 8;
}

static inline const struct block_meta *header(const void *ptr)
{
	return (const struct block_meta *)ptr - 1;
}

static inline size_t usable(const void *ptr)
{
	return header(ptr)->size;
}

static inline int status(const void *ptr)
{
	return header(ptr)->status;
}

/* Where the payload behind ptr's block on the heap begins. */
static inline void *behind(void *ptr)
{
	return (char *)ptr + usable(ptr) + HEADER;
}

static inline size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* The pattern's word number i in the block that was filled while it was at home. */
static inline uint64_t pattern(uintptr_t home, size_t i)
{
	return (home + i) * 0x9e3779b97f4a7c15 ^ i;
}

/* Fills the whole usable size: all of it is the program's, slack included (G5). */
static inline void fill(void *ptr)
{
	uint64_t *words = ptr;

	for (size_t i = 0; i < usable(ptr) / 8; i++)
		words[i] = pattern((uintptr_t)ptr, i);
}

/* Whether the first size bytes (a multiple of 8) at ptr are what fill() wrote at home. */
static inline int filled(const void *ptr, uintptr_t home, size_t size)
{
	const uint64_t *words = ptr;

	for (size_t i = 0; i < size / 8; i++)
		if (words[i] != pattern(home, i))
			return 0;
	return 1;
}

static inline int is_zero(const void *ptr, size_t size)
{
	const char *bytes = ptr;

	for (size_t i = 0; i < size; i++)
		if (bytes[i] != 0)
			return 0;
	return 1;
}

static inline int same_bytes(const void *one, const void *other, size_t size)
{
	const char *a = one;
	const char *b = other;

	for (size_t i = 0; i < size; i++)
		if (a[i] != b[i])
			return 0;
	return 1;
}

static inline void verify_at(const char *where, const void *ptr)
{
	check_at(where, filled(ptr, (uintptr_t)ptr, usable(ptr)), "the block's contents changed");
}

/* What is true of every new block of size bytes; limit is where mappings begin (W1 or W2). */
static inline void check_new(const char *where, const void *ptr, size_t size, size_t limit)
{
	size_t least = round_up(size);
	int on_heap = least + HEADER < limit;

	check_at(where, !!ptr, "no memory");
	check_at(where, (uintptr_t)ptr % 8 == 0, "the payload is not 8-aligned (G2)");
	check_at(where, status(ptr) == (on_heap ? STATUS_ALLOC : STATUS_MAPPED),
		 "status is wrong in the header (G3, W1, W2)");
	check_at(where, usable(ptr) % 8 == 0, "size in the header is not a multiple of 8 (G2)");
	check_at(where, usable(ptr) >= least, "size in the header is below what was asked (G1)");
	check_at(where, usable(ptr) < least + (on_heap ? LEAST_SPLIT : 8),
		 "size in the header is larger than it may be (S1, M1)");
}

static inline void *xmalloc_at(const char *where, size_t size)
{
	void *ptr = os_malloc(size);

	check_new(where, ptr, size, THRESHOLD);
	fill(ptr);
	return ptr;
}

static inline void *xcalloc_at(const char *where, size_t nmemb, size_t size)
{
	void *ptr = os_calloc(nmemb, size);

	check_new(where, ptr, nmemb * size, PAGE);
	check_at(where, is_zero(ptr, nmemb * size), "memory from calloc is not zero (H6)");
	fill(ptr);
	return ptr;
}

/* For a live block and a size other than 0: contents are kept, then made the new block's own. */
static inline void *xrealloc_at(const char *where, void *ptr, size_t size)
{
	uintptr_t home = (uintptr_t)ptr;
	size_t old_size = usable(ptr);
	void *moved;

	verify_at(where, ptr);
	moved = os_realloc(ptr, size);
	if ((uintptr_t)moved == home) {
		check_at(where, status(moved) == STATUS_ALLOC, "a mapping stayed in place (X3)");
		check_at(where, usable(moved) >= round_up(size), "the block is too short (X7)");
		check_at(where, usable(moved) < round_up(size) + LEAST_SPLIT, "no split (S1)");
		check_at(where, filled(moved, home, smaller(old_size, usable(moved))),
			 "resizing in place lost contents");
	} else {
		check_new(where, moved, size, THRESHOLD);
		check_at(where, filled(moved, home, smaller(old_size, round_up(size))),
			 "moving lost contents (X9)");
	}
	fill(moved);
	return moved;
}

static inline void xfree_at(const char *where, void *ptr)
{
	verify_at(where, ptr);
	os_free(ptr);
}

/*
 * Allocates what the preallocation left behind last, so that the heap's last
 * block is a live one. first is the heap's first payload.
 */
static inline void *take_rest_at(const char *where, void *first, void *last)
{
	char *end = (char *)first - HEADER + THRESHOLD;
	void *rest = behind(last);

	check_at(where, xmalloc_at(where, (size_t)(end - (char *)rest)) == rest,
		 "the rest of the preallocation is not behind the last block");
	return rest;
}

/* The next number of a fixed sequence (xorshift); *state is never 0. */
static inline uint32_t next_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

#endif
