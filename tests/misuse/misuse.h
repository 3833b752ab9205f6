/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What the misuse programs share. Each does one thing wrong (B4) and says in
 * its "expect:" line what the library must answer: the end of the one line on
 * stderr before the abort, whose address the program announced on stdout; or
 * "EINVAL", which the program checks itself and then returns 0.
 */

#ifndef MISUSE_H
#define MISUSE_H

#include <errno.h>
#include <unistd.h>

#include "block_meta.h"
#include "osmem.h"
#include "printf.h"

/* The address that the report must name. */
static inline void *announce(void *ptr)
{
	dprintf_(STDOUT_FILENO, "%p\n", ptr);
	return ptr;
}

/* 0 when os_realloc() of ptr is refused as B4 says. */
static inline int realloc_refused(void *ptr)
{
	errno = 0;
	return !os_realloc(ptr, 100) && errno == EINVAL ? 0 : 1;
}

#endif
