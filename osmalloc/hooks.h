/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Where the hardened build (harden.h) joins in: a slot is allocated, resized or freed, and
 * a program's pointer, or its size, is checked. In the default build these functions do nothing
 * and cost nothing. All else that differs is a constant: those of config.h and the others that
 * are defined with HARDENED.
 */

#ifndef HOOKS_H
#define HOOKS_H

#include "remote.h"
#include "secret.h"

/*
 * A block, or NULL, was allocated for a program that asked for so many bytes; returns it. One byte
 * of a block of no bytes exists, as memalign(64, 0) must be a multiple of 64 and nobody else's.
 */
static inline void *hook_allocated(void *ptr, size_t asked)
{
	const struct slab *slab = HARDENED && ptr ? pagemap_get(ptr) : NULL;

	if (!HARDENED || !slab)
		return ptr;
	secret_prepare();
	if (slab->owner)
		harden_verify("malloc", ptr, slab->size);
	return harden_take(ptr, slab->size, asked + !asked);
}

/*
 * A block was resized, where it is or by moving its pages. Until then it had room for room bytes,
 * of a request of was_asked bytes; now it is one of asked bytes. Returns the block.
 */
static inline void *hook_resized(const struct slab *slab, void *ptr, size_t room,
				 size_t was_asked, size_t asked)
{
	if (!HARDENED)
		return ptr;
	if (room <= slab->size - CANARY)
		harden_open(ptr, room, was_asked);
	return harden_take(ptr, slab->size, asked);
}

/* A live block is about to be freed. */
static inline void hook_freed(const struct slab *slab, void *ptr)
{
	if (HARDENED && slab->owner && !slab_is_hidden(slab))
		harden_give(ptr, slab->size);
}

/* The pointer is that of a live block; does not return if its surroundings were overwritten. */
static inline void hook_checked(const char *api, const struct slab *slab, const void *ptr)
{
	if (HARDENED && !slab_is_hidden(slab))
		harden_check(api, ptr, slab->size, (uintptr_t)ptr == slab->start);
}

/* The bytes of a live block that the program may use. */
static inline size_t hook_usable(const struct slab *slab, const void *ptr)
{
	if (slab_is_hidden(slab))
		return 0;
	return HARDENED ? harden_asked(ptr, slab->size) : slab->size;
}

#endif
