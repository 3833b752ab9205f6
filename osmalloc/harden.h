/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The hardened build, `make HARDENED=1`: what it adds to the default one, which
 * knows every wrong pointer. A mistake that is noticed ends the program.
 *
 *  - No slot is linked: nothing that the allocator relies on is in reach of a
 *    program's writes, and a slot's bit says for certain whether it is free.
 *  - Behind every block are bytes that the program may not write, CANARY at the
 *    end of its slot and, as far as there is room, FILLED_MOST next to what was asked for.
 *    Made of its address, its size and the process's secret, they are looked at by
 *    free() and realloc(), and so are those in front of it, which are another one's.
 *  - At exit, all blocks are looked at like that, and all freed slots, unless there
 *    ever was a second thread (exit.c).
 *  - A freed slot is zeroed, and verified when it is used again, as far as
 *    ZEROED_MOST bytes: a write after free() is found, a read finds nothing.
 *  - A freed slot rests until its slab has no other to give; which slot is
 *    given is random.
 *  - Large blocks have mappings of their own, with guards on both sides that cannot be touched;
 *    free() gives the pages back and makes all of it such a guard, so that every later access is
 *    one to no memory, and unmaps it when many others were freed.
 *  - Units of a chunk cannot be touched before they are used for the first time, nor after they
 *    were purged. Blocks of no bytes lie in slabs that cannot be touched (CLASS_EMPTY).
 *  - The page map and the descriptors lie between guards as well, away from every block.
 *  - free_sized() and free_aligned_sized() verify the size and the alignment, C++'s operator
 *    delete that the block is not smaller than the object (delete.c).
 *
 * Invariants, beside those of slab.h (audit.h):
 *
 *  1. A live block's canary is what harden_take() made it, or 0 while the block is on
 *     its way to the program or back.
 *  2. A free slot is zero, as far as ZEROED_MOST, and so is its canary.
 *
 * After hardened_malloc (GrapheneOS), whose README explains what each of these is good for.
 */

#ifndef HARDEN_H
#define HARDEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"

#define CANARY		(HARDENED ? sizeof(uint64_t) : 0)
#define ZEROED_MOST	(8U * 1024)	/* bytes of a freed slot that are zeroed and verified */
#define FILLED_MOST	4096U		/* bytes behind a block that are filled and verified */

/* Verifies that a free slot of size bytes is zero, as far as it was zeroed. */
void harden_verify(const char *api, const void *ptr, size_t size);

/*
 * Puts what nobody may write behind the asked bytes of a block, whose slot has size; returns
 * the block.
 */
void *harden_take(void *ptr, size_t size, size_t asked);

/* The bytes that were asked for, of a block that harden_check() has found to be in order. */
size_t harden_asked(const void *ptr, size_t size);

/* Zeroes what harden_take() wrote behind so many bytes of a block that could have room. */
void harden_open(void *ptr, size_t room, size_t asked);

/* Verifies what is behind a live block, and in front of it when another slot is there. */
void harden_check(const char *api, const void *ptr, size_t size, bool first);

/* For the audit: what is behind a block is right; its canary is 0, as is all of a free slot. */
bool harden_is_intact(const void *ptr, size_t size);
bool harden_is_bare(const void *ptr, size_t size);
bool harden_is_clear(const void *ptr, size_t size);

/* Clears a slot that is about to be given back. */
void harden_give(void *ptr, size_t size);

/* One of the bits that are set, at random. */
unsigned int harden_choose(uint64_t bits);

#endif
