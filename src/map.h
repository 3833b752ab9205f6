/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Blocks that own a mapping (M1, R2), and the registry that knows them.
 *
 * The registry answers whether a pointer is the payload of a live mapping
 * without touching memory that may not be ours (B4): a binary digital search
 * tree over the page number, lowest bit first since those vary most. Its links
 * are the headers' prev and next, so it needs no memory of its own, and a path
 * is at most as long as a page number has bits.
 *
 * The seal of block.h covers both links: every change reseals, every visit
 * verifies.
 *
 * All functions want the library's lock. Sizes are usable bytes.
 */

#ifndef MAP_H
#define MAP_H

#include <stdbool.h>

#include "block.h"

/* A new mapping of header and size bytes, registered; NULL and ENOMEM. */
struct header *map_create(size_t size);

/* Unmaps b; false and ENOMEM when the kernel refuses, b is then as it was. */
bool map_destroy(struct header *b);

/* The mapped block whose payload this is, verified; NULL when there is none. */
struct header *map_find(const void *payload);

/* Whether the byte at address belongs to a mapped block. Looks at all of them. */
bool map_holds(const void *address);

/* Calls visit for every mapped block until it returns non-zero. */
int map_walk(int (*visit)(const struct header *b, void *arg), void *arg);

/* NULL or the name of the broken invariant. */
const char *map_check(void);

#endif
