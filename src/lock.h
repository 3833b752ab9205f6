/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The library's only lock (B3). A process with a single thread does not take it. fork() waits for
 * it, so the child finds a consistent heap and a free lock. It is not recursive; signal handlers
 * must not use it.
 */

#ifndef LOCK_H
#define LOCK_H

#include <stdbool.h>

#include "config.h"
#include "os.h"

/*
 * Whether lock_take() took the mutex. Only the thread between lock_take() and lock_give() reads it:
 * a single thread cannot start a second one there.
 */
extern bool lock_held;

void lock_take_shared(void);
void lock_give_shared(void);

static inline void lock_take(void)
{
	if (unlikely(!os_single_threaded()))
		lock_take_shared();
}

static inline void lock_give(void)
{
	if (unlikely(lock_held))
		lock_give_shared();
}

#endif
