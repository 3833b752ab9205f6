// SPDX-License-Identifier: BSD-3-Clause

#include "realloc.h"

#include <errno.h>
#include <string.h>

#include "audit.h"
#include "alloc.h"
#include "trim.h"

/*
 * The most bytes that a block may have unused when it shrinks and stays: half of a slot; a quarter
 * of a large block, as giving pages back is worth a system call; almost half of a large block that
 * has grown, and may have been given room to grow (large_alloc_roomy).
 */
static size_t surplus_most(const struct slab *slab)
{
	if (slab->owner)
		return slab->size / 2;
	return slab->asked ? slab->size / 2 - UNIT : slab->size / 4;
}

/* Whether a block of before bytes stays as it is for a request of size. */
static bool fits_well(struct slab *slab, size_t before, size_t size)
{
	bool growing = false;

	if (size > alloc_room(slab))
		return false;
	if (!slab->owner && slab->asked) {
		growing = size >= slab->asked;
		slab->asked = size;
	}
	return growing || size >= before || slab->size - size <= surplus_most(slab) ||
	       slab->size <= 2 * GRAIN;
}

/* A block for what outgrew its own: a large one gets room to grow, unless it is guarded. */
static void *take_larger(size_t size)
{
	return size > SLOT_MOST && !FENCE ? large_alloc_roomy(size) : alloc_block(size);
}

/* Moves the contents to a new block; NULL. */
static void *move_block(struct slab *slab, void *ptr, size_t before, size_t size)
{
	void *moved = size > before ? take_larger(size) : alloc_block(size);

	if (moved) {
		memcpy(moved, ptr, least(before, size));
		free_block(slab, ptr);
	}
	return moved;
}

/* A block of another size: a large one in place or with its pages if possible, or a copy; NULL. */
static void *change(struct slab *slab, void *ptr, size_t before, size_t size)
{
	size_t room = alloc_room(slab);
	void *resized = audit_after(large_resize(slab, alloc_whole(size)));

	if (resized)
		return hook_resized(slab, resized, room, before, size);
	return move_block(slab, ptr, before, size);
}

/* The same. If there is no memory, all that is free is unmapped first. */
static void *change_or_trim(struct slab *slab, void *ptr, size_t before, size_t size)
{
	int error = errno;
	void *changed = change(slab, ptr, before, size);

	if (likely(changed) || size <= before || !alloc_may_fit(size))
		return changed;
	trim_all();
	errno = error;
	return change(slab, ptr, before, size);
}

void *realloc_block(void *ptr, size_t size)
{
	struct slab *slab = alloc_slab_of("realloc", ptr);
	size_t before = hook_usable(slab, ptr);
	int error = errno;

	if (!fits_well(slab, before, size)) {
		void *changed = change_or_trim(slab, ptr, before, size);

		if (changed || size > before)
			return changed;
		/* A block that cannot shrink is large enough. */
		errno = error;
	}
	return hook_resized(slab, ptr, alloc_room(slab), before, size);
}
