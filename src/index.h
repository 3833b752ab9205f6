/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The index: runs of free blocks by size, then address.
 *
 * A bin holds one size up to 4 KiB, an eighth of a doubling above. Bins are
 * divided into cells: an exact bin by address, a range bin by size. Cells of an
 * exact bin are CELL_SPAN bytes of heap each, and grow with the distance from
 * its base as floating-point numbers do, so that a fixed number of them
 * suffices. Bitmaps name the bins and cells that are not empty.
 *
 * The few runs of a cell form a binary digital search tree (Knuth, TAOCP vol. 3,
 * 6.3; the tree bins of Lea's dlmalloc are one): a node is a run, and below it
 * the next bit of the key decides, so that two links do, and no rotation. A
 * path is never longer than the key has bits below the cell.
 *
 * Invariants, which index_check() names:
 *
 *  1. Each run is in the bin and cell of its key, on the key's path.
 *  2. A bit of a bitmap is set exactly when its bin or cell is not empty.
 *
 * All functions want the library's lock. Sizes are usable bytes, multiples of 8.
 */

#ifndef INDEX_H
#define INDEX_H

#include "run.h"

/* Adds the run that begins with first and will have size bytes as one block. */
void index_insert(struct header *first, size_t size);

/* Removes it, before anything of it changes. */
void index_remove(struct header *first);

/*
 * The best fit for size once everything is merged (H2), by its first member;
 * NULL when there is none. Changes nothing.
 */
struct header *index_best(size_t size);

/*
 * The run that has the byte at address and is larger than any live block; NULL
 * when none has. Looks at all that large.
 */
struct header *index_large_around(uintptr_t address);

/* NULL or the name of the broken invariant; adds the number of runs to *runs. */
const char *index_check(size_t *runs);

#endif
