/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The lock of what all threads share: chunks, descriptors, the page map, the list of heaps. A
 * process with a single thread does not take it. fork() waits for it, so the child finds a
 * consistent state and a free lock. It is not recursive.
 *
 * A signal handler may call fork() when it has interrupted a change. The thread that forks is the
 * one that changes, so waiting for the lock would not help. The child then belongs to a new
 * generation: each module that keeps state under the lock compares the generation with the one it
 * has seen (lock_has_new_generation()) and starts afresh. The old state stays as it is, with all
 * blocks in it; what is freed of it goes to the kernel and is not used again.
 */

#ifndef LOCK_H
#define LOCK_H

#include <stdbool.h>

#include "config.h"
#include "os.h"

/*
 * Whether lock_take() took the lock word. Only the thread between lock_take() and lock_give() reads
 * it: a single thread cannot start a second one there.
 */
extern bool lock_held;

/* Whether a thread is between lock_take() and lock_give(), which alone write it. */
extern bool lock_busy;

/* How often a fork interrupted a change, in this process and those that it descends from. */
extern unsigned int lock_generation;

/* Stores before it are made before those after it, as a signal handler sees them. */
static inline void signal_fence(void)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

void lock_take_shared(void);
void lock_give_shared(void);

static inline void lock_take(void)
{
	if (unlikely(!os_single_threaded()))
		lock_take_shared();
	lock_busy = true;
	signal_fence();
}

/*
 * If the child of a fork in a signal handler returns from it into the change that was interrupted,
 * that change may have stored values it had read before the fork: hence one more generation.
 */
static inline void lock_give(void)
{
	signal_fence();
	if (unlikely(!lock_busy))
		lock_generation++;
	lock_busy = false;
	if (unlikely(lock_held))
		lock_give_shared();
}

/*
 * Whether the generation is not *seen any more, which is set to it. The caller must then drop its
 * state without looking at it. The lock must be held.
 */
static inline bool lock_has_new_generation(unsigned int *seen)
{
	if (likely(*seen == lock_generation))
		return false;
	*seen = lock_generation;
	return true;
}

/* For fork.c: before fork(), and after it in the parent and in the child. */
void lock_before_fork(void);
void lock_after_fork(void);
void lock_in_child(void);

#endif
