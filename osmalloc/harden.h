/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The hardened build (make HARDENED=1). The default build detects wrong pointers and double frees;
 * this one detects more, and ends the program with a report:
 *
 *  - Free slots are never linked. Nothing that the allocator relies on lies next to a block, and
 *    a bit says for certain whether a slot is free.
 *  - Behind each block are bytes that the program must not write: the canary at the end of the
 *    slot, and up to FILLED_MOST filled bytes right behind the bytes that were asked for. Both
 *    depend on the block's address and the process's secret, the canary also on the size. free()
 *    and realloc() verify them, and the canary of the slot in front.
 *  - A freed slot is zeroed, up to ZEROED_MOST bytes, and verified when it is used again: that
 *    finds a write after free, and a read after free finds nothing.
 *  - A freed slot is in quarantine until its slab has no other free slot; which slot an allocation
 *    gets is random.
 *  - A large block is a mapping between inaccessible guards. free() returns its pages and makes all
 *    of it a guard, so that any later access faults; it is unmapped after many other frees.
 *  - Units of a chunk are inaccessible before their first use and after a purge. Blocks of no bytes
 *    lie in slabs that are inaccessible (CLASS_EMPTY).
 *  - The page map and the descriptors lie between guards, apart from all blocks.
 *  - free_sized() and free_aligned_sized() verify size and alignment; C++'s operator delete
 *    verifies that the block is not smaller than the object (delete.c).
 *  - At exit all blocks and all freed slots are verified, unless there ever was a second thread
 *    (exit.c).
 *
 * hooks.h calls these functions. Invariants, in addition to those of slab.h (audit.h):
 *
 *  1. A live block's canary is the one that harden_take() wrote, or 0 while the block is being
 *     allocated or freed.
 *  2. A free slot is zero up to ZEROED_MOST bytes, and so is its canary.
 *
 * After hardened_malloc (GrapheneOS), whose README explains the purpose of most of these.
 */

#ifndef HARDEN_H
#define HARDEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"

#define CANARY		(HARDENED ? sizeof(uint64_t) : 0)
#define ZEROED_MOST	(8U * 1024)	/* the most bytes of a freed slot that are zeroed */
#define FILLED_MOST	4096U		/* the most bytes behind a block that are filled */

/* Verifies that a free slot of size bytes is zero, as invariant 2 says. */
void harden_verify(const char *api, const void *ptr, size_t size);

/*
 * Writes filler and canary behind the asked bytes of a block in a slot of size; returns the block.
 */
void *harden_take(void *ptr, size_t size, size_t asked);

/* The bytes that were asked for, of a block that passed harden_check(). */
size_t harden_asked(const void *ptr, size_t size);

/* Zeroes what harden_take() wrote into a block of room bytes for a request of asked bytes. */
void harden_open(void *ptr, size_t room, size_t asked);

/* Verifies what is behind a live block and, unless it is the first slot, in front of it. */
void harden_check(const char *api, const void *ptr, size_t size, bool first);

/* For the audit: filler and canary are intact; the canary is 0; a free slot is zero. */
bool harden_is_intact(const void *ptr, size_t size);
bool harden_is_bare(const void *ptr, size_t size);
bool harden_is_clear(const void *ptr, size_t size);

/* Zeroes a slot that is about to be freed. */
void harden_give(void *ptr, size_t size);

/* The number of a set bit, chosen at random. */
unsigned int harden_choose(uint64_t bits);

#endif
