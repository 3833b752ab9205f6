/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Size classes: which slot a request gets. Pure functions, in bytes.
 *
 * Classes are GRAIN apart up to 128 bytes, then eight to a doubling up to FINE_MOST, then four up
 * to SLOT_MOST. A slot loses at most 15 bytes up to 128, less than a ninth from there to
 * FINE_MOST, and a fifth above, where slots are whole pages and most of the loss is of pages never
 * touched. Every power of two is a class. If a power of two divides a request, it divides the size
 * of the request's class, so aligned requests need no classes of their own.
 */

#ifndef SIZECLASS_H
#define SIZECLASS_H

#include <stddef.h>

#include "config.h"

#define GRAIN		16U	/* every slot is a multiple of it, and so aligned */
#define FINE_MOST	(16U * 1024)
#define FINE_LOG	3	/* log2 of the steps per doubling */
#define COARSE_LOG	2
#define SLOT_MOST	(128U * 1024)

/* 16 to 128 by 16; 7 doublings by eighths; 3 doublings by quarters. */
#define FINE_CLASSES	(8 + (7 << FINE_LOG))
#define CLASSES		(FINE_CLASSES + (3 << COARSE_LOG))

/* One more in the hardened build: blocks of no bytes, in slots of GRAIN that cannot be touched. */
#define CLASS_EMPTY	CLASSES
#define ALL_CLASSES	(CLASSES + HIDDEN_CLASSES)

/* The class of the smallest slot for size bytes. Wants size <= SLOT_MOST; 0 counts as 1. */
static inline unsigned int class_of(size_t size)
{
	size_t last = size ? size - 1 : 0;
	unsigned int log, steps, base;

	if (last < 8 * GRAIN)
		return (unsigned int)(last / GRAIN);
	log = 63 - (unsigned int)__builtin_clzl(last);
	steps = last < FINE_MOST ? FINE_LOG : COARSE_LOG;
	base = last < FINE_MOST ? 8 + ((log - 7) << FINE_LOG) :
				  FINE_CLASSES + ((log - 14) << COARSE_LOG);
	return base + ((unsigned int)(last >> (log - steps)) & ((1U << steps) - 1));
}

/* The bytes of a slot of this class. */
static inline size_t class_size(unsigned int class)
{
	unsigned int steps, log, step;

	if (class < 8)
		return (class + 1) * (size_t)GRAIN;
	steps = class < FINE_CLASSES ? FINE_LOG : COARSE_LOG;
	step = class < FINE_CLASSES ? class - 8 : class - FINE_CLASSES;
	log = (class < FINE_CLASSES ? 7 : 14) + (step >> steps);
	return ((size_t)(1U << steps) + (step & ((1U << steps) - 1)) + 1) << (log - steps);
}

#endif
