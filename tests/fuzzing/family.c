// SPDX-License-Identifier: BSD-3-Clause

/*
 * The allocators as tables. osmalloc is linked with family_ in front of its names
 * (build.py), so that the C library's malloc stays the process's own.
 */

#include "fuzz.h"

#include "osmem.h"

#ifdef OSMALLOC_HARDENED
#define CANARY	8
#else
#define CANARY	0
#endif

const struct family osmalloc_family = {
	.name = "osmalloc",
	.grain = 16,
	.canary = CANARY,
	.malloc = family_malloc,
	.calloc = family_calloc,
	.realloc = family_realloc,
	.free = family_free,
	.check = audit_check,
	.reallocarray = family_reallocarray,
	.aligned_alloc = family_aligned_alloc,
	.memalign = family_memalign,
	.posix_memalign = family_posix_memalign,
	.valloc = family_valloc,
	.pvalloc = family_pvalloc,
	.free_sized = family_free_sized,
	.free_aligned_sized = family_free_aligned_sized,
	.usable = family_malloc_usable_size,
	.trim = family_malloc_trim,
};

const struct family osmem_family = {
	.name = "osmem",
	.grain = 8,
	.zero_is_null = true,
	.malloc = os_malloc,
	.calloc = os_calloc,
	.realloc = os_realloc,
	.free = os_free,
	.check = osmem_check,
};
