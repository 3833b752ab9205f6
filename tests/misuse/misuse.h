/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Shared by the misuse programs. Each makes one mistake (B4), and its "expect:"
 * line says what the library must do. Usually it must write one line that ends so
 * on stderr, with the address that the program printed on stdout, and abort. For
 * "EINVAL" the program checks the error itself and returns 0.
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

/* 0 if os_realloc() of ptr fails as B4 says. */
static inline int realloc_refused(void *ptr)
{
	errno = 0;
	return !os_realloc(ptr, 100) && errno == EINVAL ? 0 : 1;
}

#endif
