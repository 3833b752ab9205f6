/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The family under names with a prefix, for a program into which malloc.c is compiled
 * and which keeps its own malloc(). For one compiled from several files, with -include.
 */

#ifndef PREFIX_H
#define PREFIX_H

#define malloc			osmalloc_malloc
#define free			osmalloc_free
#define calloc			osmalloc_calloc
#define realloc			osmalloc_realloc
#define reallocarray		osmalloc_reallocarray
#define aligned_alloc		osmalloc_aligned_alloc
#define posix_memalign		osmalloc_posix_memalign
#define memalign		osmalloc_memalign
#define valloc			osmalloc_valloc
#define pvalloc			osmalloc_pvalloc
#define cfree			osmalloc_cfree
#define free_sized		osmalloc_free_sized
#define free_aligned_sized	osmalloc_free_aligned_sized
#define malloc_usable_size	osmalloc_usable_size
#define __libc_malloc		osmalloc_libc_malloc
#define __libc_free		osmalloc_libc_free
#define __libc_calloc		osmalloc_libc_calloc
#define __libc_realloc		osmalloc_libc_realloc
#define __libc_memalign		osmalloc_libc_memalign
#define __libc_valloc		osmalloc_libc_valloc
#define __libc_pvalloc		osmalloc_libc_pvalloc

#endif
