/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * From a request to a block, from a pointer to its slab, and back to free memory: the steps that
 * malloc.c and realloc.c consist of. The inline functions are the fast paths, in which a block is a
 * slot of the first slab in its class's list; alloc.c has everything else.
 *
 * Sizes are bytes. Functions that return NULL set errno to ENOMEM, except alloc_ready(); otherwise
 * errno is unchanged.
 */

#ifndef ALLOC_H
#define ALLOC_H

#include "heap.h"
#include "large.h"
#include "hooks.h"

/* Reports a pointer that begins no live block in one line on standard error, and aborts. */
void __attribute__((cold, noreturn)) alloc_misuse(const char *api, const struct slab *slab,
						  const void *ptr);

/* Allocate what alloc_ready() could not. */
void *alloc_slow(size_t size);
void *alloc_class(unsigned int class);
void *alloc_large(size_t size, size_t alignment);

/*
 * Frees a block after slab_push() returned true, or whose slab is another heap's or a large
 * block's.
 */
void free_slow(struct slab *slab, void *ptr);

/* Whether a block of that size might be had after everything free is unmapped. */
static inline bool alloc_may_fit(size_t size)
{
	return size < ADDRESSES;
}

/* The slab of the live block at ptr; api names the caller in a report of misuse. */
static inline struct slab *alloc_slab_of(const char *api, void *ptr)
{
	struct slab *slab = pagemap_get(ptr);

	if (unlikely(!slab || !slab_has_slot(slab, ptr) || slab_slot_is_free(slab, ptr)))
		alloc_misuse(api, slab, ptr);
	hook_checked(api, slab, ptr);
	return slab;
}

/* The bytes that a block of this slab has room for. */
static inline size_t alloc_room(const struct slab *slab)
{
	return slab_is_hidden(slab) ? 0 : slab->size - CANARY;
}

/* The bytes of a block with room for size bytes. */
static inline size_t alloc_whole(size_t size)
{
	return size < LARGE_MOST ? size + CANARY : size;
}

/* A slot of size bytes from the first slab of its class; NULL if that has no free slot. */
static inline __attribute__((always_inline)) void *alloc_ready(size_t size)
{
	struct thread_heap *heap = heap_mine;
	struct slab *slab;

	if (likely(size <= DIRECT_MOST)) {
		slab = heap->direct[(size + GRAIN - 1) / GRAIN];
		return likely(slab->free) ? slab_pop(slab) : NULL;
	}
	slab = likely(size <= SLOT_MOST) ? heap->lists[class_of(size)] : NULL;
	return likely(slab && slab_has_free(slab)) ? slab_take(slab) : NULL;
}

/* A slot or a large block of size bytes, not yet the program's; NULL with ENOMEM. */
static inline __attribute__((always_inline)) void *alloc_slot(size_t size)
{
	void *slot = alloc_ready(size);

	return likely(slot) ? slot : alloc_slow(size);
}

/* A block for a request of size bytes; NULL with ENOMEM. */
static inline __attribute__((always_inline)) void *alloc_block(size_t size)
{
	if (HIDDEN_CLASSES && unlikely(!size))
		return alloc_class(CLASS_EMPTY);
	return hook_allocated(alloc_slot(alloc_whole(size)), size);
}

/* Frees the block at ptr, whose slab this is. */
static inline void free_block(struct slab *slab, void *ptr)
{
	hook_freed(slab, ptr);
	if (likely(slab->owner == heap_mine) && likely(!slab_push(slab, ptr)))
		return;
	free_slow(slab, ptr);
}

#endif
