/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What libosmalloc exports: the C malloc family under its own names, for use
 * with LD_PRELOAD or by linking it before the C library. Programs include
 * <stdlib.h> and <malloc.h>; this is for the library's own files.
 */

#ifndef OSMALLOC_H
#define OSMALLOC_H

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#define OSMALLOC_API __attribute__((visibility("default")))

/* Not in every C library's headers. */
void cfree(void *ptr);
void free_sized(void *ptr, size_t size);
void free_aligned_sized(void *ptr, size_t alignment, size_t size);

/* What glibc's malloc.h declares and musl's does not. */
#ifndef __GLIBC__
struct mallinfo {
	int arena, ordblks, smblks, hblks, hblkhd, usmblks, fsmblks, uordblks, fordblks, keepcost;
};

struct mallinfo2 {
	size_t arena, ordblks, smblks, hblks, hblkhd, usmblks, fsmblks, uordblks, fordblks,
	       keepcost;
};

#define M_MXFAST		1
#define M_TRIM_THRESHOLD	(-1)
#define M_TOP_PAD		(-2)
#define M_MMAP_THRESHOLD	(-3)
#define M_MMAP_MAX		(-4)
#define M_CHECK_ACTION		(-5)
#define M_PERTURB		(-6)
#define M_ARENA_TEST		(-7)
#define M_ARENA_MAX		(-8)

void *pvalloc(size_t size);
struct mallinfo mallinfo(void);
struct mallinfo2 mallinfo2(void);
int malloc_info(int options, FILE *out);
void malloc_stats(void);
int malloc_trim(size_t pad);
int mallopt(int param, int value);
#endif

void *__libc_malloc(size_t size);
void __libc_free(void *ptr);
void *__libc_calloc(size_t nmemb, size_t size);
void *__libc_realloc(void *ptr, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void *__libc_valloc(size_t size);
void *__libc_pvalloc(size_t size);

#endif
