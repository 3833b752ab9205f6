/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The header in front of every payload, on the heap or mapped (contract G1).
 *
 *      0        8      12     16       24       32
 *      +--------+------+------+--------+--------+------------------+
 *      |  size  |status|      |  prev  |  next  | payload ...      |
 *      +--------+------+------+--------+--------+------------------+
 *      ^ header, 8-aligned                      ^ what os_malloc() returns
 *
 * A program may read size and status whenever it likes: both are true between
 * any two calls. The other fields, and the four bytes behind status, belong to
 * the library. Writing to any of them is an overwritten header, which the next
 * call to meet it reports (B4).
 */

#ifndef BLOCK_META_H
#define BLOCK_META_H

#ifndef __cplusplus
#include "printf.h"
#endif

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#define STATUS_FREE	0	/* on the heap, nobody's */
#define STATUS_ALLOC	1	/* on the heap, the program's */
#define STATUS_MAPPED	2	/* owns a mapping, the program's */

/* may_alias: the library reads and writes the same bytes as a struct of its own. */
struct __attribute__((may_alias)) block_meta {
	size_t size;			/* usable bytes behind the header, a multiple of 8 */
	int status;			/* one of STATUS_* */
	struct block_meta *prev;	/* the library's; as a rule the left neighbour or NULL */
	struct block_meta *next;	/* the library's; as a rule the right neighbour or NULL */
};

/*
 * For programs: says where and why, and exits, when what must not fail has
 * failed. A library never gives up on a failed system call: it returns NULL
 * with errno = ENOMEM (B1).
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
