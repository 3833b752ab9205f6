// SPDX-License-Identifier: BSD-3-Clause

/*
 * Statistics and settings of the malloc family: mallinfo(3), malloc_info(3), malloc_stats(3),
 * malloc_trim(3), mallopt(3). Numbers are bytes. Those of other threads' slabs are read while these
 * run, so they may be slightly out of date.
 */

#include "osmalloc.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "audit.h"
#include "heap.h"
#include "large.h"
#include "lock.h"
#include "trim.h"

#define OSMEM_PRINTF_NO_MACROS
#include "printf.h"

#define STDERR	2

struct numbers {
	size_t live;		/* in blocks that the program has */
	size_t slots;		/* in slabs */
	size_t mappings;	/* blocks with a mapping of their own */
	size_t mapped;		/* in these */
	size_t chunks;		/* mapped for spans */
	size_t dirty;		/* of these, free but not purged */
	struct large_totals large;
};

static void add_slab(const struct slab *slab, void *arg)
{
	struct numbers *numbers = arg;

	if (!slab->owner) {
		/* The mapping of a freed block may be cached. */
		numbers->mappings += !slab->chunk && !slab->retained;
		numbers->mapped += slab->chunk ? 0 : slab->size;
		numbers->live += slab->retained ? 0 : slab->size;
		return;
	}
	numbers->slots += slab->capacity * slab->size;
	numbers->live += slab_live(slab) * slab->size;
	numbers->live -= slab->size *
			 remote_count(slab, __atomic_load_n(&slab->remote, __ATOMIC_RELAXED));
}

static struct numbers numbers_now(void)
{
	struct numbers numbers = { .live = 0 };
	struct span_totals spans;

	lock_take();
	slab_walk(add_slab, &numbers);
	spans = span_count();
	numbers.chunks = spans.mapped * UNIT;
	numbers.dirty = spans.dirty * UNIT;
	numbers.large = large_totals;
	lock_give();
	return numbers;
}

OSMALLOC_API struct mallinfo2 mallinfo2(void)
{
	struct numbers numbers = numbers_now();

	return (struct mallinfo2){
		.arena = numbers.chunks,
		.hblks = numbers.mappings,
		.hblkhd = numbers.mapped,
		.uordblks = numbers.live,
		.fordblks = numbers.chunks + numbers.mapped - numbers.live,
		.keepcost = numbers.dirty,
	};
}

/* The old structure has int for bytes: larger numbers become INT_MAX. */
static int as_int(size_t n)
{
	return n < INT_MAX ? (int)n : INT_MAX;
}

OSMALLOC_API struct mallinfo mallinfo(void)
{
	struct mallinfo2 now = mallinfo2();

	return (struct mallinfo){
		.arena = as_int(now.arena),
		.hblks = as_int(now.hblks),
		.hblkhd = as_int(now.hblkhd),
		.uordblks = as_int(now.uordblks),
		.fordblks = as_int(now.fordblks),
		.keepcost = as_int(now.keepcost),
	};
}

/* glibc's lines, which programs parse, then our own. Not a cancellation point, as in glibc. */
OSMALLOC_API void malloc_stats(void)
{
	struct numbers numbers = numbers_now();
	int state;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	dprintf_(STDERR, "Total (incl. mmap):\nsystem bytes     = %10zu\nin use bytes     = %10zu\n"
		 "max mmap regions = %10zu\nmax mmap bytes   = %10zu\n",
		 numbers.chunks + numbers.mapped, numbers.live, numbers.large.most_mappings,
		 numbers.large.most_bytes);
	dprintf_(STDERR, "osmalloc: %zu bytes live, %zu in slabs, %zu in %zu mappings; "
		 "%zu mapped for spans, %zu of them free with pages\n", numbers.live,
		 numbers.slots, numbers.mapped, numbers.mappings, numbers.chunks, numbers.dirty);
	pthread_setcancelstate(state, NULL);
}

OSMALLOC_API int malloc_info(int options, FILE *out)
{
	struct numbers numbers = numbers_now();

	if (options)
		return EINVAL;
	fprintf(out, "<malloc version=\"osmalloc " OSMEM_VERSION "\">\n"
		"<live size=\"%zu\"/>\n<slabs size=\"%zu\"/>\n<mappings count=\"%zu\" size=\"%zu\"/>\n"
		"<system type=\"current\" size=\"%zu\"/>\n<free size=\"%zu\"/>\n</malloc>\n",
		numbers.live, numbers.slots, numbers.mappings, numbers.mapped, numbers.chunks,
		numbers.dirty);
	return ferror(out) ? -1 : 0;
}

OSMALLOC_API int malloc_trim(size_t pad)
{
	size_t given;

	(void)pad;
	trim_heaps();
	audit_after(NULL);
	lock_take();
	given = large_release() + span_purge(0);
	lock_give();
	return given > 0;
}

/* Nothing can be set; glibc's parameters are accepted, so that programs continue. */
OSMALLOC_API int mallopt(int param, int value)
{
	(void)value;
	return param >= M_ARENA_MAX && param <= M_MXFAST;
}
