/* SPDX-License-Identifier: BSD-3-Clause */

/* realloc()'s policy: when a block stays, grows, shrinks or moves. */

#ifndef REALLOC_H
#define REALLOC_H

#include <stddef.h>

/*
 * The live block at ptr, which is not NULL, with size bytes, which are not 0: where it was, or
 * elsewhere with its contents. NULL with ENOMEM, and the block is as before; a block that shall
 * shrink stays as it is instead. errno is unchanged otherwise.
 */
void *realloc_block(void *ptr, size_t size);

#endif
