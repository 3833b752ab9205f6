// SPDX-License-Identifier: BSD-3-Clause

#include "remote.h"

/* The first slot in a value of remote, where slots are linked. */
static struct slot *linked_in(uint64_t remote)
{
	return (struct slot *)(remote & (REMOTE_ONE - 1));
}

/* Adds the slots of a value of remote in front of the free ones. */
static void collect_linked(struct slab *slab, uint64_t taken)
{
	struct slot *last = linked_in(taken);

	if (!last)
		return;
	/* Each step may wait for a cache line that another processor wrote. */
	for (struct slot *next = last; slab->free && next; next = slot_next(slab, last))
		last = next;
	if (slab->free)
		slot_link(slab, last, slab->free);
	signal_fence();
	slab->free = linked_in(taken);
	signal_fence();
	slab->countdown -= (uint32_t)remote_count(slab, taken);
}

void remote_collect(struct slab *slab)
{
	uint64_t taken;

	if (!__atomic_load_n(&slab->remote, __ATOMIC_RELAXED))
		return;
	taken = __atomic_exchange_n(&slab->remote, 0, __ATOMIC_ACQUIRE);
	if (slab_is_linked(slab)) {
		collect_linked(slab, taken);
		return;
	}
	taken &= ~REMOTE_NOTIFY_LAST;
	__atomic_store_n(&slab->free_bitmap, slab->free_bitmap | taken, __ATOMIC_RELAXED);
	signal_fence();
	slab->countdown -= (uint32_t)__builtin_popcountl(taken);
}

/* The value of remote with the slot added. */
static uint64_t remote_with(const struct slab *slab, uint64_t before, struct slot *slot)
{
	if (before & REMOTE_NOTIFY_NEXT)
		before &= REMOTE_NOTIFY_LAST;
	if (!slab_is_linked(slab))
		return before | 1UL << slab_index(slab, slot);
	slot_link(slab, slot, linked_in(before));
	return (before & -REMOTE_ONE) + REMOTE_ONE + (uintptr_t)slot;
}

/* Whether this value holds all slots that were live, and the owner is to be notified. */
static bool is_last(const struct slab *slab, uint64_t remote)
{
	return remote & REMOTE_NOTIFY_LAST && remote_count(slab, remote) ==
	       __atomic_load_n(&slab->awaited, __ATOMIC_RELAXED);
}

unsigned int remote_push(struct slab *slab, void *ptr)
{
	struct slot *slot = ptr;
	uint64_t before = __atomic_load_n(&slab->remote, __ATOMIC_ACQUIRE);
	uint64_t after;
	bool last;
	bool mine = false;

	do {
		after = remote_with(slab, before, slot);
		last = is_last(slab, after);
		/*
		 * The live slot keeps the slab open until it is in remote, and queued from here on.
		 */
		if (!mine && (before & REMOTE_NOTIFY_NEXT || last))
			mine = !__atomic_exchange_n(&slab->queued, true, __ATOMIC_ACQUIRE);
	} while (!__atomic_compare_exchange_n(&slab->remote, &before, after, true,
					      __ATOMIC_RELEASE, __ATOMIC_ACQUIRE));
	return (mine ? NOTIFY_QUEUE : 0) | (last ? NOTIFY_EMPTY : 0);
}

bool remote_is_closable(const struct slab *slab)
{
	uint32_t detachments = __atomic_load_n(&slab->detachments, __ATOMIC_ACQUIRE);
	/* Pairs with the release of the thread that gave the last slot back. */
	uint64_t remote = __atomic_load_n(&slab->remote, __ATOMIC_ACQUIRE);

	/* If the slab was attached in between, remote may be the value of an earlier time. */
	return detachments & 1 && remote & REMOTE_NOTIFY_LAST &&
	       remote_count(slab, remote) == slab->capacity &&
	       __atomic_load_n(&slab->detachments, __ATOMIC_RELAXED) == detachments;
}

bool remote_is_unused(const struct slab *slab)
{
	/* In this order: remote only gains slots, and the countdown only goes down. */
	uint64_t remote = __atomic_load_n(&slab->remote, __ATOMIC_ACQUIRE);
	uint32_t countdown = __atomic_load_n(&slab->countdown, __ATOMIC_ACQUIRE);

	/* At 0, the owner is on its way to heap_free_slow(). */
	return countdown && countdown == remote_count(slab, remote) + slab->retained &&
	       !__atomic_load_n(&slab->queued, __ATOMIC_RELAXED);
}

void remote_notify_last(struct slab *slab)
{
	uint64_t none;
	uint32_t live;

	do {
		remote_collect(slab);
		live = (uint32_t)slab_live(slab);
		__atomic_store_n(&slab->awaited, live, __ATOMIC_RELAXED);
		none = 0;
	} while (live && !__atomic_compare_exchange_n(&slab->remote, &none, REMOTE_NOTIFY_LAST,
						      true, __ATOMIC_RELEASE, __ATOMIC_RELAXED));
}

static void count_detachment(struct slab *slab)
{
	__atomic_store_n(&slab->detachments, slab->detachments + 1, __ATOMIC_RELEASE);
}

/* The value of remote from a detachment until another thread frees a slot. */
static uint64_t detached_word(const struct slab *slab)
{
	return REMOTE_NOTIFY_NEXT | REMOTE_NOTIFY_LAST | slab->detachments;
}

bool remote_detach(struct slab *slab)
{
	uint64_t none = 0;

	count_detachment(slab);
	slab->retained = false;
	slab->full = true;
	slab->countdown = 1;
	__atomic_store_n(&slab->awaited, slab->capacity, __ATOMIC_RELAXED);
	if (__atomic_compare_exchange_n(&slab->remote, &none, detached_word(slab), false,
					__ATOMIC_RELEASE, __ATOMIC_RELAXED))
		return true;
	count_detachment(slab);
	slab->full = false;
	slab->countdown = slab->capacity;
	return false;
}

void remote_reattach(struct slab *slab)
{
	uint64_t detachments = detached_word(slab);

	/* If another thread was faster, its slots will be collected like all others. */
	__atomic_compare_exchange_n(&slab->remote, &detachments, 0, false, __ATOMIC_RELAXED,
				    __ATOMIC_RELAXED);
	count_detachment(slab);
	slab->full = false;
	slab->countdown = slab->capacity;
}

/* Pending-free queues */

void pending_add(struct pending_queue *queue, struct slab *slab)
{
	slab->next_pending = __atomic_load_n(&queue->first, __ATOMIC_RELAXED);
	while (!__atomic_compare_exchange_n(&queue->first, &slab->next_pending, slab, true,
					    __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		;
}

struct slab *pending_take(struct pending_queue *queue)
{
	__atomic_store_n(&queue->empty_units, 0, __ATOMIC_RELAXED);
	return __atomic_exchange_n(&queue->first, NULL, __ATOMIC_ACQUIRE);
}

void pending_close_empty(struct pending_queue *queue)
{
	struct slab *slab = pending_take(queue);

	while (slab) {
		struct slab *next = slab->next_pending;

		if (remote_is_closable(slab))
			slab_close(slab);
		else
			pending_add(queue, slab);
		slab = next;
	}
}
