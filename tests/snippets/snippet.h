/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What every test program shares. Only os_*() and write(2) are called from
 * here: no stdio (its buffers would move the break) and no libc comparison
 * (a library under test could have replaced it).
 *
 * A live block made by the x*() functions is always filled over its rounded
 * size with a pattern derived from its address. verify() compares it;
 * xrealloc() and xfree() do so before they give the block away. The sizes are
 * remembered here and not read from headers: a library whose headers are wrong
 * fails the programs about headers (G1 to G3, S2) and no others.
 *
 * A failed CHECK() or EQUAL() writes file, line and text to stderr, EQUAL()
 * also what it found and what it expected, and dies by SIGILL.
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

#ifndef MOST_BLOCKS
#define MOST_BLOCKS	128		/* live blocks of the x*() functions in a program */
#endif

#define STRING_(x)	#x
#define STRING(x)	STRING_(x)
#define HERE		__FILE__ ":" STRING(__LINE__) ": "

#define CHECK(condition, text)	check_at(HERE, condition, text)
#define EQUAL(found, expected, text)	equal_at(HERE, found, expected, text)

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

static inline void complain_number(size_t number)
{
	char digits[24];
	char *first = digits + sizeof(digits) - 1;

	*first = '\0';
	do {
		*--first = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	complain(first);
}

static inline void equal_at(const char *where, size_t found, size_t expected, const char *text)
{
	if (found == expected)
		return;
	complain(where);
	complain(text);
	complain(" (found ");
	complain_number(found);
	complain(", expected ");
	complain_number(expected);
	complain(")\n");
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

static inline size_t status(const void *ptr)
{
	return (size_t)header(ptr)->status;
}

/* The blocks of the x*() functions: where they begin and how many bytes the program uses. */
static struct {
	const void *ptr;
	size_t size;
} known[MOST_BLOCKS];

/* The place in known[] that ptr has; without one, the first that is not taken. */
static inline size_t place_of(const void *ptr)
{
	size_t i = 0;

	while (i < MOST_BLOCKS && known[i].ptr != ptr)
		i++;
	for (size_t j = 0; i == MOST_BLOCKS && j < MOST_BLOCKS; j++)
		if (!known[j].ptr)
			i = j;
	if (i == MOST_BLOCKS)
		__builtin_trap();
	return i;
}

static inline size_t size_of(const void *ptr)
{
	return known[place_of(ptr)].size;
}

static inline void forget(const void *ptr)
{
	known[place_of(ptr)].ptr = NULL;
}

/* Where the payload behind ptr's block on the heap begins, if that block has no slack. */
static inline void *behind(void *ptr)
{
	return (char *)ptr + size_of(ptr) + HEADER;
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

/* From here on the program uses size bytes, rounded up, and has filled them (G5). */
static inline void use(void *ptr, size_t size)
{
	uint64_t *words = ptr;
	size_t place = place_of(ptr);

	known[place].ptr = ptr;
	known[place].size = round_up(size);
	for (size_t i = 0; i < round_up(size) / 8; i++)
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
	check_at(where, filled(ptr, (uintptr_t)ptr, size_of(ptr)), "the block's contents changed");
}

static inline void *xmalloc_at(const char *where, size_t size)
{
	void *ptr = os_malloc(size);

	check_at(where, !!ptr, "no memory");
	use(ptr, size);
	return ptr;
}

static inline void *xcalloc_at(const char *where, size_t nmemb, size_t size)
{
	void *ptr = os_calloc(nmemb, size);

	check_at(where, !!ptr, "no memory");
	check_at(where, is_zero(ptr, nmemb * size), "memory from calloc is not zero (H6)");
	use(ptr, nmemb * size);
	return ptr;
}

/* For a live block and a size other than 0: contents are kept, then made the new block's own. */
static inline void *xrealloc_at(const char *where, void *ptr, size_t size)
{
	uintptr_t home = (uintptr_t)ptr;
	size_t kept = smaller(size_of(ptr), round_up(size));
	void *moved;

	verify_at(where, ptr);
	forget(ptr);
	moved = os_realloc(ptr, size);
	check_at(where, !!moved, "no memory");
	check_at(where, filled(moved, home, kept), "resizing lost contents (X9)");
	use(moved, size);
	return moved;
}

static inline void xfree_at(const char *where, void *ptr)
{
	verify_at(where, ptr);
	forget(ptr);
	os_free(ptr);
}

/*
 * Allocates what the preallocation left behind last, so that the heap's last
 * block is a live one. first is the heap's first payload.
 */
static inline void *take_rest_at(const char *where, void *first, void *last)
{
	char *end = (char *)first - HEADER + THRESHOLD;
	char *rest = behind(last);

	check_at(where, rest < end, "the blocks are not in the preallocation (F1)");
	return xmalloc_at(where, (size_t)(end - rest));
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
