/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Free blocks: best fit (H2) among runs that are merged late (H1).
 *
 * A block that becomes free joins the run of its free neighbours at once, in
 * the index (index.h), but stays a block of its own (run.h). The next search
 * that succeeds merges each run into one block. So whether a fit exists is
 * known without changing anything (B1), and each merge is paid for by the
 * block that it ends.
 *
 * Invariants, which fit_check() names:
 *
 *  1. Every run is in the index, once, and nothing else is.
 *  2. SEAL_INNER is set in a free block exactly when its left neighbour is free,
 *     SEAL_RUN in the first of a run exactly when its right neighbour is.
 *  3. The two ends of a run of several have links to each other.
 *  4. Every run of several is in the list of those to be merged, once.
 *
 * All functions want the library's lock. Sizes are usable bytes, multiples of 8.
 */

#ifndef FIT_H
#define FIT_H

#include "block.h"

/* b is free from now on. Seals it. Its prev is its left neighbour, live or free. */
void fit_add(struct header *b);

/* Merges every run of adjacent free blocks (H1). */
void fit_settle(void);

/* Takes the run that begins with first out of the index, and verifies that one does. */
void fit_take(struct header *first);

/* How large the free block at the heap's end will be once merged; 0: the last one is live. */
size_t fit_last(void);

/*
 * How large the free block right of b will be once merged; 0: what is there is
 * live. Also tells, in *reaches_last, whether it will be the heap's last one.
 */
size_t fit_right_of(const struct header *b, bool *reaches_last);

/*
 * X7: makes the free right neighbours of b part of it, one at a time, until it
 * has size bytes or there is none left. The caller reseals b.
 */
void fit_absorb(struct header *b, size_t size);

/* NULL or the name of the broken invariant. */
const char *fit_check(void);

#endif
