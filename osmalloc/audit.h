/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The audit verifies the numbered invariants of span.h, slab.h, heap.h and harden.h, for everything
 * that the calling thread may read: what the lock protects, its own heap, parked heaps, and the
 * constant part of other heaps' slabs. In a process with one thread that is everything.
 */

#ifndef AUDIT_H
#define AUDIT_H

#include <stdbool.h>

#include "config.h"

/*
 * NULL or the name of the first broken invariant, such as "slab 3: ...". Takes the lock. Walks
 * everything, so it is for tests and debugging. Returns NULL in the child of a fork that
 * interrupted a change (lock.h).
 */
const char *audit_check(void);

/* Prints one line on standard error and aborts if an invariant is broken. errno may change. */
void audit_now(void);

/* Called after each slow step: audits in the debug build. Returns its argument. */
static inline void *audit_after(void *result)
{
	if (DEBUG)
		audit_now();
	return result;
}

#endif
