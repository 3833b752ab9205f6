/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The switches of osmalloc, and what all its files use. Constants are where their concept is.
 */

#ifndef CONFIG_H
#define CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The hardened build (make HARDENED=1), see harden.h. */
#ifdef OSMALLOC_HARDENED
#define HARDENED true
#else
#define HARDENED false
#endif

/* Guard bytes at both ends of a mapping: whole pages of the largest page size, 64 KiB. */
#define FENCE	(HARDENED ? 64UL * 1024 : 0)

/* A debug build (make debug) audits everything after each slow step, see audit.h. */
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

static inline size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

#define likely(x)	__builtin_expect(!!(x), 1)
#define unlikely(x)	__builtin_expect(!!(x), 0)

#endif
