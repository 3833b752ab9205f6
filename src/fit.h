/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Free blocks: best fit (H2) among runs that are merged late (H1).
 *
 * A block that becomes free joins the run of its free neighbours at once: the index (index.h)
 * counts it as part of the run, but it stays a separate block (run.h). The next search that
 * succeeds merges each run into one block, in constant time for each run. The library knows
 * whether a fit exists before it changes anything (B1).
 *
 * Invariants, which fit_check() names:
 *
 *  1. Every run is in the index exactly once, and nothing else is.
 *  2. FLAG_INNER is set in a free block exactly when its left neighbour is free, FLAG_RUN in the
 *     first block of a run exactly when its right neighbour is free.
 *  3. The first and the last block of a run of several blocks are linked (run.h).
 *  4. Every run of several blocks is in the list of runs to be merged exactly once.
 *
 * The library's lock must be held for all functions. Sizes are usable bytes, multiples of 8.
 */

#ifndef FIT_H
#define FIT_H

#include "block.h"

/* Makes b free and sets its checksum. b->prev must be its left neighbour, live or free. */
void fit_add(struct header *b);

/* Merges every run into one block (H1). */
void fit_merge_all(void);

/* Removes the run that begins with first from the index; verifies first. */
void fit_remove(struct header *first);

/* Size of the free block at the heap's end once merged; 0 if the last block is live. */
size_t fit_last(void);

/*
 * Size of b's free right neighbour once merged; 0 if b has none. Sets *reaches_last to whether
 * the merged block will be the heap's last one.
 */
size_t fit_right_of(const struct header *b, bool *reaches_last);

/*
 * X7: makes the free right neighbours of b part of it, one at a time, until it has size bytes or
 * none is left. The caller then sets the checksum of b.
 */
void fit_absorb(struct header *b, size_t size);

/* Checks the invariants; returns NULL or the name of the broken one. */
const char *fit_check(void);

#endif
