// SPDX-License-Identifier: BSD-3-Clause

#include "meta.h"

#include "config.h"
#include "lock.h"
#include "os.h"

#define META_LINE	64UL			/* what descriptors are aligned to: a cache line */
#define META_BLOCK	(256UL * 1024)		/* bytes mapped at a time */

/* The first descriptors cost no system call, and are there when memory is limited early. */
static char first[META_BLOCK] __attribute__((aligned(META_LINE)));
static char *next = first;
static char *end = first + META_BLOCK;

void *meta_alloc(size_t size)
{
	static unsigned int generation;
	char *memory;

	if (lock_has_new_generation(&generation))
		next = NULL;
	size = (size + META_LINE - 1) & ~(META_LINE - 1);
	memory = next;
	if (!memory || size > (size_t)(end - memory)) {
		memory = os_map_guarded(FENCE, META_BLOCK, FENCE, META_LINE);
		if (!memory)
			return NULL;
		end = memory + META_BLOCK;
	}
	next = memory + size;
	return memory;
}
