/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The index: runs of free blocks, ordered by size, then address.
 *
 * Up to 4 KiB, a bin holds one size (an exact bin); above, it holds a range of sizes, an eighth of
 * a doubling (a range bin). Bins are divided into cells: exact bins by address, range bins by size.
 * A cell of an exact bin covers CELL_SPAN bytes of heap; farther from the heap's base, cells double
 * in length as the distance doubles, so their number is fixed. Bitmaps mark the bins and cells that
 * are not empty.
 *
 * The runs of a cell, usually few, form a binary digital search tree (Knuth, TAOCP vol. 3, 6.3; the
 * tree bins of Lea's dlmalloc are such trees). Each node is a run, and at each level the next bit
 * of the key chooses the child. A node needs two links; there are no rotations. A path is at most
 * as long as the number of key bits that the cell leaves open.
 *
 * Invariants, which index_check() names:
 *
 *  1. Each run is in the bin and cell of its key, on the key's path.
 *  2. A bit of a bitmap is set exactly when its bin or cell is not empty.
 *
 * The library's lock must be held for all functions. Sizes are usable bytes, multiples of 8.
 */

#ifndef INDEX_H
#define INDEX_H

#include "run.h"

/* Adds the run that begins with first and will have size bytes once merged. */
void index_insert(struct header *first, size_t size);

/* Removes the run that begins with first. Call it before any change to the run. */
void index_remove(struct header *first);

/*
 * The best fit for size as if all runs were merged (H2): the first member of a run, NULL if there
 * is none. Changes nothing.
 */
struct header *index_best(size_t size);

/*
 * The run that contains address, among those larger than any live block; NULL if there is none.
 * Looks at every run of that size.
 */
struct header *index_large_around(uintptr_t address);

/* Returns NULL or the name of the broken invariant; adds the number of runs to *runs. */
const char *index_check(size_t *runs);

#endif
