/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * All constants and switches of libosmem, in bytes unless stated otherwise. Rule numbers
 * are those of docs/contract.md.
 */

#ifndef CONFIG_H
#define CONFIG_H

#include <stddef.h>
#include <stdint.h>

/* The Makefile passes the contents of the file VERSION. */
#ifndef OSMEM_VERSION
#define OSMEM_VERSION	"unknown"
#endif

#ifndef ALIGNMENT		/* 16 in memory_allocator, see Makefile */
#define ALIGNMENT	8UL			/* of headers, payloads and sizes (G2) */
#endif
#define HEADER		32UL			/* before every payload (G1) */
#define MMAP_THRESHOLD	(128UL * 1024)		/* spans of this size or more are mapped (W1) */
#define PREALLOC	(128UL * 1024)		/* first growth of the break (F1) */
#define SPLIT_MIN	(HEADER + ALIGNMENT)	/* least remainder that becomes a block (S1) */
#define LIVE_MOST	(MMAP_THRESHOLD + SPLIT_MIN)	/* span of a live heap block (W1, S2) */
#define SIZE_LIMIT	((PTRDIFF_MAX - HEADER) & ~(ALIGNMENT - 1))	/* largest request (W5) */

/*
 * The largest distance from the first to the last byte of the heap. Links between free blocks
 * are 32-bit numbers in units of ALIGNMENT.
 */
#define HEAP_REACH	(ALIGNMENT * (UINT32_MAX - 1UL))

/*
 * Largest number of regions. Each time other code has moved the break, the heap continues in a
 * new one (B2). An entry takes 16 bytes; unused entries take no memory.
 */
#define REGIONS_MAX	65536

#define EXACT_BINS	512	/* bins of one size each, in units of ALIGNMENT: up to 4 KiB */
#define RANGE_STEPS	8	/* bins per doubling of size above that */

/*
 * Bytes of heap for each cell of an exact bin: the first CELL_STEPS cells have this length, then
 * CELL_STEPS cells share each doubling of the heap. A cell takes 4 * EXACT_BINS bytes of static
 * memory, touched when the heap reaches it: less than a hundredth of the heap.
 */
#define CELL_SPAN	(256UL * 1024)
#define CELL_STEPS	256U

_Static_assert(sizeof(void *) == 8, "the header's layout requires 64-bit pointers (G1)");
_Static_assert(HEADER % ALIGNMENT == 0, "payloads are aligned because headers are (G2)");
_Static_assert((EXACT_BINS & (EXACT_BINS - 1)) == 0, "range bins start at a power of two");

/* A debug build (make debug) audits everything after each slow step, see block.h. */
#ifdef OSMEM_DEBUG
#define DEBUG	true
#else
#define DEBUG	false
#endif

#define likely(x)	__builtin_expect(!!(x), 1)
#define unlikely(x)	__builtin_expect(!!(x), 0)

/*
 * These macros tell valgrind when payloads are allocated and freed, if its headers exist at build
 * time. Without them, or outside valgrind, they do nothing. payload_* are about the program's
 * bytes, header_* about the library's. heap.watched is declared in block.h.
 */
#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#define WATCHED	RUNNING_ON_VALGRIND
#else
#define WATCHED	0
#define VALGRIND_MALLOCLIKE_BLOCK(p, n, redzone, zero)	((void)0)
#define VALGRIND_FREELIKE_BLOCK(p, redzone)		((void)0)
#define VALGRIND_RESIZEINPLACE_BLOCK(p, from, to, redzone)	((void)0)
#define VALGRIND_MAKE_MEM_NOACCESS(p, n)		((void)0)
#define VALGRIND_MAKE_MEM_DEFINED(p, n)			((void)0)
#endif

#define tell(request)			do { if (unlikely(heap.watched)) request; } while (0)
#define payload_alloc(p, n, zero)	tell(VALGRIND_MALLOCLIKE_BLOCK(p, n, 0, zero))
#define payload_free(p)			tell(VALGRIND_FREELIKE_BLOCK(p, 0))
#define payload_resize(p, from, to)	tell(VALGRIND_RESIZEINPLACE_BLOCK(p, from, to, 0))
#define payload_hide(p, n)		tell(VALGRIND_MAKE_MEM_NOACCESS(p, n))
#define header_show(p)			tell(VALGRIND_MAKE_MEM_DEFINED(p, HEADER))
#define header_hide(p)			tell(VALGRIND_MAKE_MEM_NOACCESS(p, HEADER))

#endif
