// SPDX-License-Identifier: BSD-3-Clause

/*
 * The contract in its shortest form, with a walk over all blocks in every call, and
 * with one of the mistakes that students make, so that tests can see the suite
 * fail. -DMISTAKE=NONE makes a library that passes. It trusts every pointer and
 * every system call.
 */

#define _GNU_SOURCE

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "block_meta.h"
#include "osmem.h"

#define HEADER		sizeof(struct block_meta)
#define THRESHOLD	131072
#define PAGE		4096
#define MIN_SPLIT	(HEADER + 8)

/* The values of MISTAKE. */
enum mistake {
	NONE, GROWS_BY_PAGES, NO_PREALLOCATION, MERGES_AT_FREE, NEVER_MERGES, FIRST_FIT,
	THRESHOLD_WITHOUT_HEADER, SPLITS_TOO_SMALL, MAPS_PAGES, NEVER_UNMAPS, USES_MREMAP,
	CALLOC_NOT_ZERO, COPIES_HALF, WRONG_STATUS, ASKS_BREAK, PRINTS_BINARY, CRASHES, HANGS,
	SLEEPS, READS_BELOW_STACK
};

#define WRONG(what)	(MISTAKE == (what))

static struct block_meta *first, *last;

static size_t aligned(size_t size)
{
	return (size + 7) / 8 * 8;
}

static size_t whole_pages(size_t size)
{
	return (size + PAGE - 1) / PAGE * PAGE;
}

static int is_free(const struct block_meta *b)
{
	return b && b->status == STATUS_FREE;
}

static char *grow(size_t by)
{
	if (WRONG(ASKS_BREAK) && first)
		syscall(SYS_brk, 0);
	return sbrk((intptr_t)by);
}

static void append(size_t usable)
{
	size_t span = WRONG(GROWS_BY_PAGES) ? whole_pages(usable + HEADER) : usable + HEADER;
	struct block_meta *b = (struct block_meta *)grow(span);

	*b = (struct block_meta){ .size = span - HEADER, .status = STATUS_FREE, .prev = last };
	if (last)
		last->next = b;
	else
		first = b;
	last = b;
}

static void extend(size_t usable)
{
	size_t by = usable - last->size;

	grow(WRONG(GROWS_BY_PAGES) ? whole_pages(by) : by);
	last->size += WRONG(GROWS_BY_PAGES) ? whole_pages(by) : by;
}

static void absorb(struct block_meta *b)
{
	b->size += HEADER + b->next->size;
	b->next = b->next->next;
	if (b->next)
		b->next->prev = b;
	else
		last = b;
}

static void merge_all(void)
{
	for (struct block_meta *b = first; b; b = b->next)
		while (is_free(b) && is_free(b->next))
			absorb(b);
}

static void split(struct block_meta *b, size_t usable)
{
	struct block_meta *rest;

	if (b->size - usable < (WRONG(SPLITS_TOO_SMALL) ? HEADER : MIN_SPLIT))
		return;
	rest = (struct block_meta *)((char *)(b + 1) + usable);
	*rest = (struct block_meta){ .size = b->size - usable - HEADER, .status = STATUS_FREE,
				     .prev = b, .next = b->next };
	if (b->next)
		b->next->prev = rest;
	else
		last = rest;
	b->next = rest;
	b->size = usable;
}

static struct block_meta *best_fit(size_t usable)
{
	struct block_meta *best = NULL;

	for (struct block_meta *b = first; b; b = b->next) {
		if (!is_free(b) || b->size < usable)
			continue;
		if (WRONG(FIRST_FIT))
			return b;
		if (!best || b->size < best->size)
			best = b;
	}
	return best;
}

static struct block_meta *place(size_t usable)
{
	struct block_meta *b;

	if (!first)
		append(WRONG(NO_PREALLOCATION) ? usable : THRESHOLD - HEADER);
	if (!WRONG(NEVER_MERGES))
		merge_all();
	b = best_fit(usable);
	if (!b && is_free(last))
		extend(usable);
	else if (!b)
		append(usable);
	b = b ? b : last;
	split(b, usable);
	b->status = STATUS_ALLOC;
	if (WRONG(WRONG_STATUS))
		b->status = STATUS_MAPPED;
	return b;
}

static struct block_meta *map(size_t usable)
{
	size_t length = WRONG(MAPS_PAGES) ? whole_pages(usable + HEADER) : usable + HEADER;
	struct block_meta *b = mmap(NULL, length, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	b->size = usable;
	b->status = STATUS_MAPPED;
	return b;
}

static int on_heap(size_t usable, size_t limit)
{
	return usable + (WRONG(THRESHOLD_WITHOUT_HEADER) ? 0 : HEADER) < limit;
}

static void *create(size_t size, size_t limit)
{
	struct block_meta *b;

	if (!size)
		return NULL;
	if (size > PTRDIFF_MAX - HEADER - 8) {
		errno = ENOMEM;
		return NULL;
	}
	b = on_heap(aligned(size), limit) ? place(aligned(size)) : map(aligned(size));
	return b + 1;
}

static void release(struct block_meta *b)
{
	if (WRONG(CRASHES))
		__builtin_trap();
	while (WRONG(HANGS))
		;
	while (WRONG(SLEEPS))
		pause();
	if (b->status == STATUS_MAPPED) {
		if (!WRONG(NEVER_UNMAPS))
			munmap(b, b->size + HEADER);
		return;
	}
	b->status = STATUS_FREE;
	if (WRONG(MERGES_AT_FREE))
		merge_all();
}

void *os_malloc(size_t size)
{
	return create(size, THRESHOLD);
}

void *os_calloc(size_t nmemb, size_t size)
{
	size_t total;
	void *payload;

	if (__builtin_mul_overflow(nmemb, size, &total))
		total = SIZE_MAX;
	payload = create(total, PAGE);
	if (payload && !WRONG(CALLOC_NOT_ZERO))
		memset(payload, 0, total);
	return payload;
}

static void *move(struct block_meta *b, size_t old, size_t size)
{
	void *payload = create(size, THRESHOLD);
	size_t count = old < aligned(size) ? old : aligned(size);

	if (!payload)
		return NULL;
	memcpy(payload, b + 1, WRONG(COPIES_HALF) ? count / 2 : count);
	release(b);
	return payload;
}

static void *resize(struct block_meta *b, size_t size)
{
	size_t usable = aligned(size);
	size_t old = b->size;

	if (b->size < usable && on_heap(usable, THRESHOLD)) {
		if (b == last)
			extend(usable);
		while (b->size < usable && is_free(b->next))
			absorb(b);
	}
	if (b->size < usable)
		return move(b, old, size);
	split(b, usable);
	return b + 1;
}

void *os_realloc(void *ptr, size_t size)
{
	struct block_meta *b = (struct block_meta *)ptr - 1;

	if (!ptr)
		return os_malloc(size);
	if (b->status == STATUS_FREE)
		return NULL;
	if (size > PTRDIFF_MAX - HEADER - 8)
		return create(size, THRESHOLD);
	if (!size)
		release(b);
	if (WRONG(USES_MREMAP) && size && b->status == STATUS_MAPPED)
		return mremap(b, b->size + HEADER, aligned(size) + HEADER, MREMAP_MAYMOVE);
	if (size && b->status == STATUS_MAPPED)
		return move(b, b->size, size);
	return size ? resize(b, size) : NULL;
}

void os_free(void *ptr)
{
	static const char binary[] = "\033[31m\0\001<&>]]>\377\n";

	if (WRONG(PRINTS_BINARY) && write(STDERR_FILENO, binary, sizeof(binary) - 1) < 0)
		return;
	if (WRONG(READS_BELOW_STACK))
		__asm__ volatile("" : : "r" (*((char *)__builtin_frame_address(0) - PAGE)));
	if (ptr)
		release((struct block_meta *)ptr - 1);
}
