// SPDX-License-Identifier: BSD-3-Clause
/*
 * Wrong libraries for test_random.py: the right one, whose functions go by the
 * names right_os_*, with one mistake added. -DMISTAKE=NAME chooses it.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "block_meta.h"
#include "osmem.h"

enum {
	FREED_BYTES = 1,	/* os_free() writes into the payload (G6) */
	COPY,			/* os_realloc() loses a byte (X9) */
	NOT_ZERO,		/* os_calloc() leaves a byte (H6) */
	NEIGHBOUR,		/* os_malloc() writes into the block before (G5) */
	STATUS,			/* os_malloc() spoils the header of the block before (G1) */
	ERRNO,			/* os_malloc() changes errno */
	QUERY,			/* os_malloc() asks for the break every time (F3) */
	EARLY,			/* the break is asked for before main (Y2) */
	FOREIGN,		/* os_malloc() writes in front of the break (B2) */
	CRASH,			/* os_realloc() crashes */
	QUIET,			/* os_free() lets an odd pointer pass (B4) */
	TALKS,			/* os_free() reports in two lines (B4) */
};

void *right_os_malloc(size_t size);
void *right_os_calloc(size_t nmemb, size_t size);
void *right_os_realloc(void *ptr, size_t size);
void right_os_free(void *ptr);

__attribute__((constructor)) static void begin(void)
{
	if (MISTAKE == EARLY)
		sbrk(0);
}

static void spoil(char *before)
{
	if (MISTAKE == NEIGHBOUR && before)
		before[7] ^= 1;
	if (MISTAKE == STATUS && before)
		((struct block_meta *)before)[-1].status = STATUS_MAPPED;
	if (MISTAKE == ERRNO)
		errno = EAGAIN;
	if (MISTAKE == QUERY)
		brk(NULL);
	if (MISTAKE == FOREIGN)
		((char *)sbrk(0))[-1] ^= 1;
}

void *os_malloc(size_t size)
{
	static char *before;
	char *result = right_os_malloc(size);

	spoil(before);
	before = result;
	return result;
}

void *os_calloc(size_t nmemb, size_t size)
{
	char *result = right_os_calloc(nmemb, size);

	if (MISTAKE == NOT_ZERO && result)
		result[nmemb * size - 1] = 1;
	return result;
}

void *os_realloc(void *ptr, size_t size)
{
	char *result = right_os_realloc(ptr, size);

	if (MISTAKE == COPY && result)
		result[7] ^= 1;
	if (MISTAKE == CRASH)
		raise(SIGSEGV);
	return result;
}

void os_free(void *ptr)
{
	bool odd = (uintptr_t)ptr % 8;

	if (MISTAKE == QUIET && odd)
		return;
	if (MISTAKE == TALKS && odd && write(STDERR_FILENO, "misuse\n", 7) < 0)
		return;
	right_os_free(ptr);
	if (MISTAKE == FREED_BYTES && ptr)
		memset(ptr, 0, 8);
}
