/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The switches of osmalloc, and what all its files use. Constants are where their concept is.
 */

#ifndef CONFIG_H
#define CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The Makefile passes the contents of the file VERSION. */
#ifndef OSMEM_VERSION
#define OSMEM_VERSION	"unknown"
#endif

/* The hardened build (make HARDENED=1), see harden.h. */
#ifdef OSMALLOC_HARDENED
#define HARDENED true
#else
#define HARDENED false
#endif

/*
 * How the hardened build differs, beside hooks.h. FENCE: large blocks are mappings between guards
 * of so many bytes, whole pages of the largest page size; a freed one becomes a guard, and is not
 * used again soon. GUARD_UNITS: memory of spans is a guard before its first use and after a
 * purge. QUARANTINE: a freed slot is used again when its slab has no other. RANDOM_SLOTS: which
 * slot an allocation gets is random. HIDDEN_CLASSES: blocks of no bytes cannot be accessed.
 */
#define FENCE		(HARDENED ? 64UL * 1024 : 0)
#define GUARD_UNITS	HARDENED
#define QUARANTINE	HARDENED
#define RANDOM_SLOTS	HARDENED
#define HIDDEN_CLASSES	HARDENED

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
