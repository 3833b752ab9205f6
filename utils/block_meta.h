/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The header in front of every payload, on the heap or mapped (contract G1).
 *
 *      0        8      12     16       24       32
 *      +--------+------+------+--------+--------+------------------+
 *      |  size  |status| seal |  prev  |  next  | payload ...      |
 *      +--------+------+------+--------+--------+------------------+
 *      ^ header, 8-aligned                      ^ what os_malloc() returns
 *
 * A program may read size and status whenever it likes: both are true between
 * any two calls. The other fields belong to the library. Writing to any of
 * them is an overwritten header, which the next call to meet it reports (B4).
 */

#ifndef BLOCK_META_H
#define BLOCK_META_H

#include <stddef.h>

#define STATUS_FREE	0	/* on the heap, nobody's */
#define STATUS_ALLOC	1	/* on the heap, the program's */
#define STATUS_MAPPED	2	/* owns a mapping, the program's */

struct block_meta {
	size_t size;		/* usable bytes behind the header, a multiple of 8 */
	int status;		/* one of STATUS_* */
	unsigned int seal;	/* check value over this header, and two flags of run.h */
	struct block_meta *prev;	/* left neighbour or NULL; in some free blocks run.h's */
	struct block_meta *next;	/* live: right neighbour or NULL; free: links of run.h */
};

/*
 * For programs: says where and why, and exits, when what must not fail has
 * failed. Wants <errno.h>, <stdio.h> and <stdlib.h>. The library itself never
 * gives up on a failed system call (B1).
 */
#define DIE(failed, what) \
	do { \
		if (failed) { \
			fprintf(stderr, "%s:%d: ", __FILE__, __LINE__); \
			perror(what); \
			exit(errno ? errno : EXIT_FAILURE); \
		} \
	} while (0)

#endif
