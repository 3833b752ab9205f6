/* SPDX-License-Identifier: BSD-3-Clause */

/* Random numbers that repeat: the same seed, the same numbers, on every machine. */

#ifndef RANDOM_H
#define RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* Marsaglia's xorshift64*. state: not 0. */
static inline uint64_t random_next(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1d;
}

/* A random number below limit, which must fit into 32 bits; without a division. */
static inline size_t random_below(uint64_t *state, size_t limit)
{
	return (random_next(state) >> 32) * limit >> 32;
}

/* A random number in [least, most], which must both fit into 32 bits. */
static inline size_t random_between(uint64_t *state, size_t least, size_t most)
{
	return least + random_below(state, most - least + 1);
}

#endif
