/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The lock of what heaps share: chunks, descriptors, the page map, idle heaps.
 *
 * A fork() in a signal handler may come in the middle of a change, made by the
 * very thread that forks, so that waiting for the lock would not help. The
 * child is told by central_busy and begins with new chunks and descriptors
 * (thread.c): the old ones stay as they are, with all blocks in them. What is freed of
 * these goes to the kernel, and is not used again.
 */

#ifndef CENTRAL_H
#define CENTRAL_H

#include <stdint.h>

#include "lock.h"

/* Nobody but the holder of the lock writes it. */
extern bool central_busy;

/* Slabs' keys and canaries are made of it. 0 until heap_prepare(). */
extern uintptr_t central_secret;

/* Whether that has happened: some chunks and descriptors are in no list any more. */
extern bool central_abandoned;

/*
 * Starts again with no chunks and no descriptors, and leaves the old ones untouched. If the child
 * continues an operation that the fork interrupted, this is called once more when that operation
 * ends: it may have stored values that it had read before the fork.
 */
void central_abandon(void);

/* Stores before it are made before those behind it, as a signal handler sees them. */
static inline void signal_fence(void)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

static inline void central_take(void)
{
	lock_take();
	central_busy = true;
	signal_fence();
}

static inline void central_give(void)
{
	signal_fence();
	if (unlikely(!central_busy))
		central_abandon();
	central_busy = false;
	lock_give();
}

#endif
