/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The production allocator's audit: the numbered invariants of span.h, slab.h, heap.h
 * and harden.h, as far as the calling thread may look. That is everything under
 * the lock, its own heap, the heaps of threads that have ended, and the
 * constant part of the slabs of others. In a process with one thread it is all.
 */

#ifndef AUDIT_H
#define AUDIT_H

#include <stdbool.h>

#include "config.h"

/*
 * NULL or the name of the first broken invariant, such as "slab 3: ...". Takes
 * the lock. Walks everything: meant for tests and debugging. Finds nothing in
 * a process whose fork interrupted a change (lock.h).
 */
const char *audit_check(void);

/* One line on stderr and abort if an invariant is broken. errno may change. */
void audit_now(void);

/* After a slow step; the debug build looks at once. Returns its argument. */
static inline void *audit_after(void *result)
{
	if (DEBUG)
		audit_now();
	return result;
}

#endif
