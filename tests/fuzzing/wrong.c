// SPDX-License-Identifier: BSD-3-Clause

/*
 * Mistakes that the driver must find: -DMISTAKE=NAME puts one in front of the right
 * functions of osmalloc (test_fuzzing.py).
 */

#include "fuzz.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#ifndef MISTAKE
#define MISTAKE	0
#endif

enum {
	OVERLAP = 1,	/* malloc() hands out a live block */
	UNALIGNED,	/* memalign() ignores the alignment */
	NOT_ZERO,	/* calloc() leaves a byte */
	COPY,		/* realloc() loses a byte */
	NEIGHBOUR,	/* free() writes into another block */
	ERRNO,		/* malloc() changes errno */
	NO_ERRNO,	/* malloc() returns NULL without ENOMEM */
	GRANTS,		/* malloc() accepts impossible sizes */
	GIVES_UP,	/* malloc() returns NULL although there is memory */
	LESS,		/* malloc_usable_size() is less than the size */
	CHANGES,	/* malloc_usable_size() changes */
	MOVES,		/* realloc() moves a block that fits */
	SPOILS,		/* realloc() that fails has changed the block */
	ANY_POWER,	/* aligned_alloc() takes any alignment */
	MEMPTR,		/* posix_memalign() writes to *memptr although it fails */
	FREE_ERRNO,	/* free() changes errno */
	QUIET,		/* free() ignores a double free */
	CHILD,		/* malloc() fails after fork() */
	CRASH,		/* realloc() crashes */
	HANGS,		/* malloc_trim() does not return */
};

static const struct family *right;
static void *last, *last_freed;
static unsigned int count;

static bool has(int mistake)
{
	return mistake == MISTAKE;
}

static void *wrong_malloc(size_t size)
{
	static pid_t parent;
	void *ptr;

	parent = parent ? parent : getpid();
	if (has(OVERLAP) && last && ++count % 32 == 0)
		return last;
	ptr = right->malloc(has(GRANTS) && size > PTRDIFF_MAX ? 16 : size);
	if (has(ERRNO) || (has(NO_ERRNO) && !ptr))
		errno = EAGAIN;
	if ((has(GIVES_UP) && ++count % 32 == 0) || (has(CHILD) && getpid() != parent)) {
		errno = ENOMEM;
		return NULL;
	}
	last_freed = last_freed == ptr ? NULL : last_freed;
	return last = ptr;
}

static void *wrong_calloc(size_t nmemb, size_t size)
{
	unsigned char *ptr = right->calloc(nmemb, size);

	if (has(NOT_ZERO) && ptr && nmemb && size)
		ptr[nmemb * size - 1] = 1;
	return ptr;
}

static void *wrong_realloc(void *ptr, size_t size)
{
	unsigned char *moved;

	if (has(SPOILS) && ptr && size > PTRDIFF_MAX)
		*(unsigned char *)ptr ^= 1;
	if (has(CRASH) && ptr)
		raise(SIGSEGV);
	moved = right->realloc(ptr, size);
	if (has(COPY) && moved && ptr)
		moved[0] ^= 1;
	if (has(MOVES) && moved && moved == ptr) {
		moved = right->malloc(size);
		memcpy(moved, ptr, size);
		right->free(ptr);
	}
	return moved;
}

static void wrong_free(void *ptr)
{
	if (has(QUIET) && ptr == last_freed)
		return;
	last_freed = ptr;
	right->free(ptr);
	if (has(NEIGHBOUR) && last && last != ptr && right->usable(last))
		*(unsigned char *)last ^= 1;
	if (has(FREE_ERRNO))
		errno = EAGAIN;
	last = last == ptr ? NULL : last;
}

static bool is_power_of_two(size_t n)
{
	return n && !(n & (n - 1));
}

static void *wrong_memalign(size_t alignment, size_t size)
{
	bool wrong = has(UNALIGNED) && is_power_of_two(alignment);

	return wrong ? right->malloc(size) : right->memalign(alignment, size);
}

static void *wrong_aligned_alloc(size_t alignment, size_t size)
{
	bool wrong = has(ANY_POWER) && !is_power_of_two(alignment);

	return wrong ? right->malloc(size) : right->aligned_alloc(alignment, size);
}

static int wrong_posix_memalign(void **memptr, size_t alignment, size_t size)
{
	if (has(MEMPTR))
		*memptr = NULL;
	return right->posix_memalign(memptr, alignment, size);
}

static size_t wrong_usable(void *ptr)
{
	size_t usable = right->usable(ptr);

	if (has(LESS))
		return usable / 2;
	return has(CHANGES) && usable ? usable - ++count % 2 : usable;
}

static int wrong_trim(size_t pad)
{
	while (has(HANGS))
		pause();
	return right->trim(pad);
}

const struct family *with_mistake(const struct family *family_given)
{
	static struct family wrong;

	if (MISTAKE == 0 || !family_given->usable)
		return family_given;
	right = family_given;
	wrong = *right;
	wrong.malloc = wrong_malloc;
	wrong.calloc = wrong_calloc;
	wrong.realloc = wrong_realloc;
	wrong.free = wrong_free;
	wrong.memalign = wrong_memalign;
	wrong.aligned_alloc = wrong_aligned_alloc;
	wrong.posix_memalign = wrong_posix_memalign;
	wrong.usable = wrong_usable;
	wrong.trim = wrong_trim;
	return &wrong;
}
