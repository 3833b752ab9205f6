/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Trimming: closes empty slabs in the heaps of all threads.
 *
 * A thread that sleeps does not look at its heap. Another thread trims it: it marks the heap busy,
 * and then the heap's own thread only takes slots of the slabs that are first in their lists, and
 * frees slots of any slab. So no thread touches a slab that is not the first and has no live slot,
 * and the trimming thread can close it.
 */

#ifndef TRIM_H
#define TRIM_H

#include "span.h"

/* Closes the empty slabs of all heaps, except the first of each class in other threads' heaps. */
void trim_heaps(void);

/* The same in other threads' heaps, if enough memory was mapped since the last time. */
void trim_others(void);

/* Call it after an allocation that may have mapped memory. */
static inline void trim_if_grown(void)
{
	if (unlikely(__atomic_load_n(&span_grown, __ATOMIC_RELAXED)))
		trim_others();
}

/* For when there is no memory: trims all heaps and unmaps all free memory. errno may change. */
void trim_all(void);

#endif
