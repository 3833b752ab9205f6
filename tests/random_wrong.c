// SPDX-License-Identifier: BSD-3-Clause
/*
 * Wrong libraries for test_random.py: these functions call the right ones and
 * add one mistake, which -DMISTAKE=NAME chooses. The test renames wrong_X to X,
 * and the X that is called and defined in the library to right_X.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "block_meta.h"
#include "osmem.h"

#ifndef MISTAKE
#define MISTAKE	0
#endif

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

static bool has(int mistake)
{
	return mistake == MISTAKE;
}

__attribute__((constructor)) static void begin(void)
{
	if (has(EARLY))
		sbrk(0);
}

static void spoil(char *before)
{
	if (has(NEIGHBOUR) && before)
		before[7] ^= 1;
	if (has(STATUS) && before)
		((struct block_meta *)before)[-1].status = STATUS_MAPPED;
	if (has(ERRNO))
		errno = EAGAIN;
	if (has(QUERY) && brk(NULL))
		return;
	if (has(FOREIGN))
		((char *)sbrk(0))[-1] ^= 1;
}

void *wrong_os_malloc(size_t size)
{
	static char *before;
	char *result = os_malloc(size);

	spoil(before);
	before = result;
	return result;
}

void *wrong_os_calloc(size_t nmemb, size_t size)
{
	char *result = os_calloc(nmemb, size);

	if (has(NOT_ZERO) && result)
		result[nmemb * size - 1] = 1;
	return result;
}

void *wrong_os_realloc(void *ptr, size_t size)
{
	char *result = os_realloc(ptr, size);

	if (has(COPY) && result)
		result[7] ^= 1;
	if (has(CRASH))
		raise(SIGSEGV);
	return result;
}

void wrong_os_free(void *ptr)
{
	bool odd = (uintptr_t)ptr % 8;

	if (has(QUIET) && odd)
		return;
	if (has(TALKS) && odd && write(STDERR_FILENO, "misuse\n", 7) < 0)
		return;
	os_free(ptr);
	if (has(FREED_BYTES) && ptr)
		memset(ptr, 0, 8);
}
