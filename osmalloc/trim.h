/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Gives back what is free, in the heaps of all threads.
 *
 * A thread that sleeps does not look at its heap. Another one may do so: it marks the heap busy,
 * so that its thread does no more than take slots of the slabs that are the first in their lists,
 * and give slots back to any slab. So nobody touches a slab that is not the first and has no live
 * slot, and the slab can be given back.
 */

#ifndef TRIM_H
#define TRIM_H

#include "span.h"

/* Gives back the empty slabs of all heaps, but for the first ones of classes in other threads'. */
void trim_heaps(void);

/* The same in the heaps of other threads, if enough was mapped since the last time. */
void trim_others(void);

/* To be called when memory may have been mapped. */
static inline void trim_if_grown(void)
{
	if (unlikely(__atomic_load_n(&span_grown, __ATOMIC_RELAXED)))
		trim_others();
}

/* There is no memory left: unmaps what can be. errno may change. */
void trim_all(void);

#endif
