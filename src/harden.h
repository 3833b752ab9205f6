/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The hardened build, `make HARDENED=1`: what it adds to the default one, which
 * knows every wrong pointer. A mistake that is noticed ends the program.
 *
 *  - No slot is linked: nothing that the allocator relies on is in reach of a
 *    program's writes, and a slot's bit says for certain whether it is free.
 *  - The last CANARY bytes of every block hold a value made of its address and the
 *    process's secret: whoever writes past the end is found at free() or realloc().
 *  - A freed slot is zeroed, and verified when it is used again, as far as
 *    ZEROED_MOST bytes: a write after free() is found, a read finds nothing.
 *  - A freed slot rests until its slab has no other to give; which slot is
 *    given is random.
 *  - Large blocks have mappings of their own, with a guard behind them that
 *    cannot be touched; free() unmaps both, so that every later access is one to no memory.
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
#define GUARD		(HARDENED ? UNIT : 0)		/* bytes behind a large block */
#define ZEROED_MOST	512U

/* A slot of size bytes is handed out: verifies that it is zero, as far as it was zeroed. */
void harden_verify(const void *ptr, size_t size);

/* Puts the canary behind a block of size bytes with it; returns the block. */
void *harden_take(void *ptr, size_t size);

/* Verifies the canary of a live block. */
void harden_check(const char *api, const void *ptr, size_t size);

/* For the audit: a block's canary is right; is 0; is 0 and so is the rest of a free slot. */
bool harden_is_intact(const void *ptr, size_t size);
bool harden_is_bare(const void *ptr, size_t size);
bool harden_is_clear(const void *ptr, size_t size);

/* Clears a slot that is about to be given back. */
void harden_give(void *ptr, size_t size);

/* One of the bits that are set, at random. */
unsigned int harden_choose(uint64_t bits);

#endif
