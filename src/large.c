// SPDX-License-Identifier: BSD-3-Clause

#include "large.h"

#include <errno.h>

#include "central.h"
#include "os.h"

/* So much of a mapping is in the page map, for a pointer into it to be known as such. */
#define MAPPED_MOST	(256UL * 1024 * 1024)

static size_t round_up(size_t size, size_t to)
{
	return (size + to - 1) & ~(to - 1);
}

static size_t entered(size_t length)
{
	return length < MAPPED_MOST ? length : MAPPED_MOST;
}

/* Wants the lock, as all static functions here. */
static struct slab *alloc_span(size_t size)
{
	struct span span = span_take((unsigned int)(round_up(size, UNIT) / UNIT));
	struct slab *slab = span.start ? slab_single(span.start, span.units * UNIT) : NULL;

	if (!slab) {
		if (span.start)
			span_give(span);
		return NULL;
	}
	slab->span = span;
	pagemap_set(span.start, span.units * UNIT, slab);
	return slab;
}

/* Where addresses are scarce (RLIMIT_AS), free chunks make room. */
static void *map(size_t length, size_t alignment)
{
	void *start;

	do {
		start = alignment > PAGE ? os_map_aligned(length, alignment) : os_map(length);
	} while (!start && span_release());
	return start;
}

static struct slab *alloc_mapping(size_t size, size_t alignment)
{
	size_t length = round_up(size, PAGE);
	void *start = map(length, alignment);
	struct slab *slab;

	if (!start)
		return NULL;
	slab = pagemap_reserve((uintptr_t)start, entered(length)) ?
		slab_single((uintptr_t)start, length) : NULL;
	if (!slab) {
		os_unmap(start, length);
		return NULL;
	}
	slab->length = length;
	pagemap_set(slab->start, entered(length), slab);
	return slab;
}

void *large_alloc(size_t size, size_t alignment)
{
	int error = errno;
	struct slab *slab;

	if (size > LARGE_MOST || alignment > LARGE_MOST - size) {
		errno = ENOMEM;
		return NULL;
	}
	size += !size;
	central_take();
	slab = size <= SPAN_MOST * UNIT && alignment <= UNIT ? alloc_span(size) :
								alloc_mapping(size, alignment);
	central_give();
	if (!slab)
		return NULL;
	errno = error;
	/* In a span the last owner's slot may have left its mark. */
	if (!slab->length)
		((struct slot *)slab->start)->mark = 0;
	return (void *)slab->start;
}

void large_free(struct slab *slab)
{
	uintptr_t start = slab->start;
	size_t length = slab->length;
	struct span span = slab->span;

	central_take();
	pagemap_set(start, length ? entered(length) : slab->size, &slab_gone);
	slab_forget(slab);
	if (length)
		os_unmap((void *)start, length);
	else
		span_give(span);
	central_give();
}

/* Where the block can stay. */
static bool resize_here(struct slab *slab, size_t length)
{
	if (!pagemap_reserve(slab->start, entered(length)) ||
	    !os_resize((void *)slab->start, slab->length, length))
		return false;
	if (length < slab->length)
		pagemap_set(slab->start + length, entered(slab->length) > length ?
			    entered(slab->length) - length : 0, &slab_gone);
	return true;
}

/* To another address: the pages move, nothing is copied. */
static bool resize_elsewhere(struct slab *slab, size_t length)
{
	void *onto = map(length, PAGE);

	if (!onto)
		return false;
	if (!pagemap_reserve((uintptr_t)onto, entered(length)) ||
	    !os_move((void *)slab->start, slab->length, onto, length)) {
		os_unmap(onto, length);
		return false;
	}
	pagemap_set(slab->start, entered(slab->length), &slab_gone);
	slab->start = (uintptr_t)onto;
	return true;
}

void *large_resize(struct slab *slab, size_t size)
{
	size_t length = round_up(size, PAGE);
	void *block = NULL;
	int error = errno;

	if (!slab->length || size <= SPAN_MOST * UNIT || size > LARGE_MOST)
		return NULL;
	central_take();
	if (length == slab->length || resize_here(slab, length) || resize_elsewhere(slab, length)) {
		slab->length = length;
		slab->size = length;
		pagemap_set(slab->start, entered(length), slab);
		block = (void *)slab->start;
	}
	central_give();
	errno = error;
	return block;
}
