/* SPDX-License-Identifier: BSD-3-Clause */

/* Bitmaps in arrays of 64-bit words, and runs of bits in them. Bits are numbered from 0. */

#ifndef BITS_H
#define BITS_H

#include <stdbool.h>
#include <stdint.h>

#define WORD_BITS	64U

static inline bool bit_get(const uint64_t *bits, unsigned int n)
{
	return bits[n / WORD_BITS] >> n % WORD_BITS & 1;
}

/* The mask, in one word of a bitmap, of the bits [from, from + count). */
static inline uint64_t bits_mask(unsigned int word, unsigned int from, unsigned int count)
{
	unsigned int low = from > word * WORD_BITS ? from - word * WORD_BITS : 0;
	unsigned int end = from + count - word * WORD_BITS;
	uint64_t below = end >= WORD_BITS ? ~0UL : (1UL << end) - 1;

	return low >= WORD_BITS ? 0 : below & ~0UL << low;
}

/* Sets or clears bits [from, from + count); returns how many of them were set before. */
static inline unsigned int bits_assign(uint64_t *bits, unsigned int from, unsigned int count,
				       bool on)
{
	unsigned int were = 0;

	for (unsigned int word = from / WORD_BITS; word * WORD_BITS < from + count; word++) {
		uint64_t mask = bits_mask(word, from, count);

		were += (unsigned int)__builtin_popcountl(bits[word] & mask);
		bits[word] = on ? bits[word] | mask : bits[word] & ~mask;
	}
	return were;
}

/* The first bit in [n, end) that is on (or off); end if there is none. */
static inline unsigned int bits_next(const uint64_t *bits, unsigned int n, unsigned int end,
				     bool on)
{
	while (n < end) {
		uint64_t word = bits[n / WORD_BITS];
		uint64_t left = (on ? word : ~word) >> n % WORD_BITS;

		if (left) {
			n += (unsigned int)__builtin_ctzl(left);
			return n < end ? n : end;
		}
		n = (n / WORD_BITS + 1) * WORD_BITS;
	}
	return end;
}

/* The start of the run of on (or off) bits that ends at bit n - 1; n if there is no such run. */
static inline unsigned int bits_begin(const uint64_t *bits, unsigned int n, bool on)
{
	while (n) {
		unsigned int last = (n - 1) % WORD_BITS;
		uint64_t word = bits[(n - 1) / WORD_BITS];
		uint64_t other = (on ? ~word : word) << (WORD_BITS - 1 - last);

		if (other)
			return n - (unsigned int)__builtin_clzl(other);
		n -= last + 1;
	}
	return 0;
}

/* The most bits that bits_fit() can search, and the runs that it tries one by one. */
#define BITS_MOST	2048U
#define RUNS_TRIED	32U

/* Clears each bit n unless bit n + count is set too. Zero words must follow the array. */
static inline void bits_erode(uint64_t *bits, unsigned int words, unsigned int count)
{
	const uint64_t *behind = bits + count / WORD_BITS;
	unsigned int shift = count % WORD_BITS;

	/* Shift by 1 first: a shift by 64 is undefined. */
	for (unsigned int n = 0; n < words; n++)
		bits[n] &= behind[n] >> shift | behind[n + 1] << 1 << (WORD_BITS - 1 - shift);
}

static inline bool bits_any(const uint64_t *bits, unsigned int words)
{
	uint64_t all = 0;

	for (unsigned int n = 0; n < words; n++)
		all |= bits[n];
	return all;
}

/* bits_fit() for many runs: shortens all of them at once. */
static inline unsigned int bits_fit_all(const uint64_t *bits, unsigned int end, unsigned int count,
					bool on, unsigned int *most)
{
	uint64_t left[2 * BITS_MOST / WORD_BITS + 1] = { 0 };
	unsigned int words = (end + WORD_BITS - 1) / WORD_BITS;
	unsigned int has = 1;

	for (unsigned int n = 0; n < words; n++)
		left[n] = on ? bits[n] : ~bits[n];
	left[words - 1] &= bits_mask(words - 1, 0, end);
	for (unsigned int more; has < count && bits_any(left, words); has += more) {
		more = has < count - has ? has : count - has;
		bits_erode(left, words, more);
	}
	*most = has - 1;
	return bits_next(left, 0, end, true);
}

/*
 * The start of the first run of at least count on (or off) bits; end if there is none. In that case
 * *most is an upper bound of the longest run's length, and less than twice that length. The time
 * does not depend on the number of runs.
 */
static inline unsigned int bits_fit(const uint64_t *bits, unsigned int end, unsigned int count,
				    bool on, unsigned int *most)
{
	unsigned int from = bits_next(bits, 0, end, on);

	*most = 0;
	for (unsigned int runs = 0; from < end; runs++) {
		unsigned int stop = bits_next(bits, from, end, !on);

		if (stop - from >= count)
			return from;
		if (runs == RUNS_TRIED)
			return bits_fit_all(bits, end, count, on, most);
		*most = stop - from > *most ? stop - from : *most;
		from = bits_next(bits, stop, end, on);
	}
	return end;
}

#endif
