/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Shared by the programs with a budget of system calls. main() begins in the phase `start`;
 * each phase_NAME() begins the phase NAME. It is an empty function where the tracer has a
 * breakpoint. Nothing in here allocates or makes a system call, unless a check fails.
 */

#ifndef BUDGET_H
#define BUDGET_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define KIB	((size_t)1 << 10)
#define MIB	((size_t)1 << 20)

#define LENGTH(array)	(sizeof(array) / sizeof((array)[0]))

/* A function that no compiler removes, so that the tracer finds its name. */
#define PHASE(name) \
	__attribute__((noinline)) void phase_##name(void); \
	void phase_##name(void) \
	{ \
		__asm__ volatile("" : : : "memory"); \
	}

/* Prints the place and exits with status 1. */
#define CHECK(expr) \
	((expr) ? (void)0 : check_failed(__FILE__, __LINE__, #expr))

_Noreturn static inline void check_failed(const char *file, int line, const char *what)
{
	dprintf(STDERR_FILENO, "%s:%d: not so: %s\n", file, line, what);
	_exit(1);
}

/* The same numbers in every run: xorshift64 (Marsaglia, 2003). */
static inline uint64_t random_next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Uniform from least to most, both included. */
static inline size_t random_between(uint64_t *state, size_t least, size_t most)
{
	return least + (size_t)(random_next(state) % (most - least + 1));
}

/* A block whose first byte is written. */
static inline char *checked_malloc(size_t size)
{
	char *block = malloc(size);

	CHECK(block);
	block[0] = 1;
	return block;
}

/* Replaces a block, or NULL, by a new one of this size. */
static inline void replace(char **place, size_t size)
{
	free(*place);
	*place = checked_malloc(size);
}

static inline void free_all(char **blocks, size_t count)
{
	for (size_t n = 0; n < count; n++) {
		free(blocks[n]);
		blocks[n] = NULL;
	}
}

#endif
