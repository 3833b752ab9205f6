/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Free blocks: those that wait since the last search, and the index of the
 * others.
 *
 * Merging at the time of the free would be wrong: X7 can see it (docs/design.md).
 * So a block that becomes free first waits, unmerged, in a doubly linked list;
 * the next search (H1) merges each waiting block with its free neighbours and
 * indexes the result. Between searches every two adjacent free blocks include
 * a waiting one.
 *
 * The index orders blocks by a key: size in units of 8, then address as a link.
 * A bin holds one size up to 4 KiB, an eighth of a doubling above. Each has 64
 * cells: an exact bin's by address, doubled when the heap outgrows them; a
 * range's by size. Bitmaps name the bins and cells that are not empty. The
 * blocks of a cell form a binary digital search tree (Knuth, TAOCP vol. 3, 6.3;
 * the tree bins of Lea's dlmalloc are one): a node is a block, and below it the
 * next bit of the key decides, so that two links do, and no rotation. A path
 * is never longer than the key's bits below the cell. The least key from a
 * bound on is the best fit, at the lowest address among equals (H2).
 *
 * Both links, 32-bit numbers of 8-byte units from the heap's base, 0 for none,
 * lie in the header's next field; the payload is never written (G6). A waiting
 * block (SEAL_WAITING) uses them as list links, an indexed one as children.
 *
 * Invariants, which fit_check() names:
 *
 *  1. Every free block is either waiting or in the index, once.
 *  2. An indexed block is in the bin and cell of its key, on the key's path.
 *  3. A bit of a bitmap is set exactly when its bin or cell is not empty.
 *  4. No two adjacent free blocks are both indexed.
 *
 * All functions want the library's lock. Sizes are usable bytes, multiples of 8.
 */

#ifndef FIT_H
#define FIT_H

#include <stdbool.h>

#include "block.h"

/* Marks b free, to be merged and indexed by the next fit_settle(). Seals it. */
void fit_wait(struct block_meta *b);

/* Indexes b, free from now on, which has no free neighbour. Seals it. */
void fit_index(struct block_meta *b);

/* Takes the free block b out of the list or of the index. Verifies its header. */
void fit_drop(struct block_meta *b);

/*
 * Whether a search for size would find a block once everything is merged.
 * Changes nothing. Also tells, in *last, how large the free block at the very
 * end of the heap would be; 0 when the last block is live.
 */
bool fit_would(size_t size, size_t *last);

/* Merges every run of adjacent free blocks and indexes the results (H1). */
void fit_settle(void);

/* The best fit for size (H2), out of the index, header verified; NULL when there is none. */
struct block_meta *fit_take(size_t size);

/* NULL or the name of the broken invariant. */
const char *fit_check(void);

#endif
