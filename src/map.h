/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Blocks with their own mapping (M1, R2), and the registry of these blocks.
 *
 * The registry tells whether a pointer is the payload of a live mapping, without touching memory
 * that the library may not own (B4). It is a binary digital search tree over page numbers, lowest
 * bit first, because the low bits vary most. Its links are the headers' prev and next, so it needs
 * no further memory. A path is at most as long as the number of bits in a page number.
 *
 * The checksum of block.h covers both links: every change sets it, every visit verifies it.
 *
 * The library's lock must be held for all functions. Sizes are usable bytes.
 */

#ifndef MAP_H
#define MAP_H

#include <stdbool.h>

#include "block.h"

/* Maps and registers a block of size bytes; NULL and ENOMEM on failure. */
struct header *map_create(size_t size);

/* Unmaps b. If the kernel refuses, returns false with ENOMEM and leaves b unchanged. */
bool map_destroy(struct header *b);

/* The mapped block with this payload, verified; NULL if there is none. */
struct header *map_find(const void *payload);

/* Whether address is in the span of a mapped block. Looks at all of them. */
bool map_holds(const void *address);

/* Calls visit for every mapped block until it returns non-zero; returns that, or 0. */
int map_walk(int (*visit)(const struct header *b, void *arg), void *arg);

/* Checks the registry; returns NULL or the name of the broken invariant. */
const char *map_check(void);

#endif
