// SPDX-License-Identifier: BSD-3-Clause

/*
 * A program break of the driver's own, for runs under valgrind, which limits the
 * break to 8 MiB. The allocator's brk() and sbrk() come here, the C library's own
 * do not. Addresses repeat, and therefore instruction counts do.
 */

#define _GNU_SOURCE

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"

#define ARENA_SIZE	(8UL << 30)

static char *arena;
static char *end;
static bool closed;

static bool arena_open(void)
{
	void *memory;

	if (arena)
		return true;
	memory = mmap(NULL, ARENA_SIZE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED)
		return false;
	arena = memory;
	end = memory;
	return true;
}

void arena_close(void)
{
	closed = true;
}

void *sbrk(intptr_t delta)
{
	char *old;

	if (!arena_open() || (delta && closed) || delta > arena + ARENA_SIZE - end ||
	    delta < arena - end) {
		errno = ENOMEM;
		return (void *)-1;
	}
	old = end;
	end += delta;
	return old;
}

int brk(void *address)
{
	if (!address)
		return arena_open() ? 0 : -1;
	return sbrk((char *)address - end) == (void *)-1 ? -1 : 0;
}
