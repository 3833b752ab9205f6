/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Every constant and switch of the allocator, in bytes unless said otherwise.
 * Rule numbers are those of docs/contract.md.
 */

#ifndef CONFIG_H
#define CONFIG_H

#include <stddef.h>
#include <stdint.h>

#ifndef ALIGNMENT		/* memory_allocator has 16, see Makefile */
#define ALIGNMENT	8UL			/* of headers, payloads and sizes (G2) */
#endif
#define HEADER		32UL			/* in front of every payload (G1) */
#define MMAP_THRESHOLD	(128UL * 1024)		/* spans from here on are mapped (W1) */
#define PREALLOC	(128UL * 1024)		/* first growth of the break (F1) */
#define SPLIT_MIN	(HEADER + ALIGNMENT)	/* least surplus worth a block (S1) */
#define LIVE_MOST	(MMAP_THRESHOLD + SPLIT_MIN)	/* no live heap block spans more (W1, S2) */
#define SIZE_LIMIT	((PTRDIFF_MAX - HEADER) & ~(ALIGNMENT - 1))	/* largest request (W5) */

/*
 * Links between free blocks are 32-bit numbers of 8-byte units, which bounds
 * the distance from the first to the last byte of the heap.
 */
#define HEAP_REACH	(ALIGNMENT * (UINT32_MAX - 1UL))

/*
 * Each time somebody else has moved the break, the heap goes on in a new
 * region (B2). 16 bytes each; untouched entries cost no memory.
 */
#define REGIONS_MAX	65536

#define EXACT_BINS	512	/* bins of one size each, in units of 8: up to 4 KiB */
#define RANGE_STEPS	8	/* bins per doubling of size above that */

/*
 * A cell of an exact bin: this many bytes of heap, until there are CELL_STEPS
 * of them; then as many cells for each doubling. 4 * EXACT_BINS bytes of static
 * memory each, touched when the heap gets there: less than a hundredth of it.
 */
#define CELL_SPAN	(256UL * 1024)
#define CELL_STEPS	256U

_Static_assert(sizeof(void *) == 8, "the header's layout wants 64-bit pointers (G1)");
_Static_assert(HEADER % ALIGNMENT == 0, "payloads are aligned because headers are (G2)");
_Static_assert((EXACT_BINS & (EXACT_BINS - 1)) == 0, "range bins start at a power of two");

/* The hardened build (make HARDENED=1), see harden.h. */
#ifdef OSMALLOC_HARDENED
#define HARDENED true
#else
#define HARDENED false
#endif

/* Bytes that guard both ends of a mapping: whole pages, of which the largest have 64 KiB. */
#define FENCE	(HARDENED ? 64UL * 1024 : 0)

/* A debug build (make debug) audits everything after each slow step, see block.h. */
#ifdef OSMEM_DEBUG
#define DEBUG	true
#else
#define DEBUG	false
#endif

#if defined(__SANITIZE_THREAD__)
#define THREAD_SANITIZER
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define THREAD_SANITIZER
#endif
#endif

#define likely(x)	__builtin_expect(!!(x), 1)
#define unlikely(x)	__builtin_expect(!!(x), 0)

/*
 * valgrind sees payloads come and go when its headers were there at build
 * time; without them, or outside valgrind, these do nothing. payload_* speak
 * of the program's bytes, header_* of the library's. heap.watched is block.h's.
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
