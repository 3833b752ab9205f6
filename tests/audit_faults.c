// SPDX-License-Identifier: BSD-3-Clause

/*
 * Breaks each invariant of the production allocator on purpose; the audit must name
 * it. The allocator is compiled into this program under other names (test_audit.py).
 * Prints a line for each case: its name, the invariant that it breaks, and the
 * audit's answer.
 */

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "audit.h"
#include "heap.h"

/* Slabs with small slots, with larger ones, with none free; a mapping. */
static struct slab *some, *bits, *full, *mapped;
static struct slot *gone;	/* a free slot of the first */
static unsigned char *live;	/* and a live one */

struct fault {
	const char *name;
	const char *invariant;
};

/* What a write to a free slot breaks. */
#define WRITTEN	(HARDENED ? "harden 2" : "slab 2")

static void set_up(void)
{
	void *first = malloc(500);
	void *last = malloc(4000);

	gone = malloc(500);
	free(gone);
	some = pagemap_get(first);
	live = first;
	first = malloc(6000);
	bits = pagemap_get(first);
	last = malloc(6000);
	free(first);
	last = malloc(4000);
	full = pagemap_get(last);
	while (pagemap_get(last) == full)
		last = malloc(4000);
	mapped = pagemap_get(malloc(8 << 20));
}

static struct fault in_spans(int number)
{
	struct chunk *chunk = full->chunk;

	switch (number) {
	case 0:
		chunk->dirty[0] = ~0UL;
		return (struct fault){ "dirty and used", "span 1" };
	case 1:
		chunk->used_units++;
		return (struct fault){ "units of a chunk", "span 2" };
	case 2:
		span_totals.mapped++;
		return (struct fault){ "mapped units", "span 2" };
	case 3:
		pagemap_set(some->start + UNIT, UNIT, &slab_closed);
		return (struct fault){ "a unit of no slab", "span 4" };
	case 4:
		bits->start = 0;
		return (struct fault){ "a span of no slab", "span 4" };
	case 5:
		bits->units++;
		return (struct fault){ "a span too long", "span 4" };
	case 6:
		mapped->size++;
		return (struct fault){ "a mapping's length", "slab 1" };
	case 7:
		chunk->longest[false] = 0;
		return (struct fault){ "room for nothing", "span 3" };
	default:
		return (struct fault){ NULL, NULL };
	}
}

static struct fault in_slabs(int number)
{
	switch (number) {
	case 0:
		some->extent = some->capacity + 1;
		return (struct fault){ "extent beyond the capacity", "slab 1" };
	case 1:
		some->capacity *= 2;
		return (struct fault){ "slots behind the span", "slab 1" };
	case 2:
		gone->cookie++;
		return (struct fault){ "a wrong cookie", WRITTEN };
	case 3:
		gone->next = (struct slot *)((char *)gone + 8);
		return (struct fault){ "a link into a slot", WRITTEN };
	case 4:
		gone->next = gone;
		return (struct fault){ "a circle", WRITTEN };
	case 5:
		some->remote = some->free_bitmap;
		return (struct fault){ "freed twice", "slab 2" };
	case 6:
		some->countdown++;
		return (struct fault){ "countdown", "slab 3" };
	case 7:
		full->countdown++;
		return (struct fault){ "countdown of a full slab", "slab 3" };
	case 8:
		bits->free_bitmap |= 1UL << bits->extent;
		return (struct fault){ "a free slot beyond the extent", "slab 2" };
	case 9:
		bits->remote = bits->free_bitmap;
		return (struct fault){ "a bit set twice", "slab 2" };
	default:
		return (struct fault){ NULL, NULL };
	}
}

static struct fault in_full_slabs(int number)
{
	switch (number) {
	case 0:
		some->remote = REMOTE_NOTIFY_NEXT;
		return (struct fault){ "listed, yet to be queued", "slab 4" };
	case 1:
		full->extent--;
		return (struct fault){ "full, yet below its capacity", "slab 4" };
	case 2:
		full->remote = 0;
		return (struct fault){ "detached, and nobody to notify", "slab 4" };
	case 3:
		full->remote = REMOTE_NOTIFY_LAST | 1;
		return (struct fault){ "freed into, and not queued", "slab 4" };
	case 4:
		full->free_bitmap = 1;
		return (struct fault){ "full, with a free slot", "slab 4" };
	case 5:
		some->detachments++;
		return (struct fault){ "listed, and counted as detached", "slab 4" };
	case 6:
		full->detachments++;
		return (struct fault){ "full, and not counted as detached", "slab 4" };
	default:
		return (struct fault){ NULL, NULL };
	}
}

static struct fault in_heaps(int number)
{
	struct thread_heap *heap = heap_mine;

	switch (number) {
	case 0:
		heap->direct[HARDENED ? 0 : 2] = some;
		return (struct fault){ "a direct slab of another class", "heap 1" };
	case 1:
		heap->lists[full->class]->next = full;
		return (struct fault){ "a full slab in a list", "heap 2" };
	case 2:
		full->full = false;
		return (struct fault){ "a slab in no list", "heap 2" };
	case 3:
		heap->retains[some->class] = true;
		return (struct fault){ "a retained slab that is not", "heap 3" };
	case 4:
		heap->pending.first = some;
		return (struct fault){ "in the queue, yet not queued", "heap 4" };
	case 5:
		mapped->queued = true;
		heap->pending.first = mapped;
		return (struct fault){ "in the queue of another heap", "heap 4" };
	case 6:
		heap->cache[some->class] = (struct slab_cache){ .first = some, .count = 1 };
		return (struct fault){ "a cached slab in use", "heap 2" };
	case 7:
		heap->cached_units++;
		return (struct fault){ "a cached unit without a slab", "heap 2" };
	default:
		return (struct fault){ NULL, NULL };
	}
}

/* Cases of the hardened build only. */
static struct fault hardened(int number)
{
	switch (HARDENED ? number : -1) {
	case 0:
		some->quarantine |= some->free_bitmap;
		return (struct fault){ "quarantined and free", "slab 2" };
	case 1:
		bits->quarantine |= 1UL << bits->extent;
		return (struct fault){ "a quarantined slot beyond the extent", "slab 2" };
	case 2:
		some->remote = some->quarantine;
		return (struct fault){ "freed while in quarantine", "slab 2" };
	case 3:
		full->quarantine = 1;
		return (struct fault){ "full, with a quarantined slot", "slab 4" };
	case 4:
		live[some->size - 1]++;
		return (struct fault){ "a write past the end", "harden 1" };
	case 5:
		((unsigned char *)mapped->start)[mapped->size - 1]++;
		return (struct fault){ "the same of a large block", "harden 1" };
	case 6:
		((unsigned char *)gone)[some->size - 1]++;
		return (struct fault){ "a write to a free slot's end", "harden 2" };
	default:
		return (struct fault){ NULL, NULL };
	}
}

static void show(struct fault (*break_one)(int number), int number)
{
	struct fault fault;
	const char *before, *said;

	set_up();
	before = audit_check();
	fault = break_one(number);
	if (!fault.name)
		_exit(1);
	said = before ? before : audit_check();
	printf("%s\t%s\t%s\n", fault.name, fault.invariant, said ? said : "nothing");
	fflush(stdout);
	_exit(0);
}

/* Runs each case in a process of its own, up to the first number without a case. */
int main(void)
{
	struct fault (*const all[])(int number) = {
		in_spans, in_slabs, in_full_slabs, in_heaps, hardened
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		for (int number = 0, status = 0; status == 0; number++) {
			if (fork() == 0)
				show(all[i], number);
			wait(&status);
		}
	return 0;
}
