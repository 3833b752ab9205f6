/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What libosmalloc exports: the C malloc family under its own names, for use
 * with LD_PRELOAD or by linking it before the C library. Programs include
 * <stdlib.h> and <malloc.h>; this is for the library's own files.
 */

#ifndef OSMALLOC_H
#define OSMALLOC_H

#include <malloc.h>
#include <stdlib.h>

#define OSMALLOC_API __attribute__((visibility("default")))

/* Not in every C library's headers. */
void cfree(void *ptr);
void free_sized(void *ptr, size_t size);
void free_aligned_sized(void *ptr, size_t alignment, size_t size);

void *__libc_malloc(size_t size);
void __libc_free(void *ptr);
void *__libc_calloc(size_t nmemb, size_t size);
void *__libc_realloc(void *ptr, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void *__libc_valloc(size_t size);
void *__libc_pvalloc(size_t size);

#endif
