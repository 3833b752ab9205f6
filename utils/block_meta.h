/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The header before every payload, on the heap or mapped (contract G1).
 *
 *      0        8      12     16       24       32
 *      +--------+------+------+--------+--------+------------------+
 *      |  size  |status|      |  prev  |  next  | payload ...      |
 *      +--------+------+------+--------+--------+------------------+
 *      ^ header, 8-aligned                      ^ what os_malloc() returns
 *
 * A program may read size and status at any time: both are correct between calls.
 * The other fields, and the four bytes after status, belong to the library. A
 * write to any field is a misuse: the next call that encounters the overwritten
 * header reports it (B4).
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

#define STATUS_FREE	0	/* on the heap, free */
#define STATUS_ALLOC	1	/* on the heap, owned by the program */
#define STATUS_MAPPED	2	/* with its own mapping, owned by the program */

/* may_alias: the library accesses the same bytes through its own struct type. */
struct __attribute__((may_alias)) block_meta {
	size_t size;			/* usable bytes after the header, a multiple of 8 */
	int status;			/* one of STATUS_* */
	struct block_meta *prev;	/* the library's; usually the left neighbour or NULL */
	struct block_meta *next;	/* the library's; usually the right neighbour or NULL */
};

/*
 * For programs: if the condition failed is true, prints the file, the line and
 * the reason, then exits. A library must not exit when a system call fails: it
 * returns NULL with errno = ENOMEM (B1).
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
