/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The one lock of the library (B3). Not taken while the process has a single
 * thread. A fork() waits for it, so the child finds a consistent heap and a
 * free lock. Not recursive; not for signal handlers.
 */

#ifndef LOCK_H
#define LOCK_H

#include <stdbool.h>

#include "config.h"
#include "os.h"

/*
 * Whether lock_take() locked. Only its holder looks: a second thread cannot
 * start while the first is between lock_take() and lock_give().
 */
extern bool lock_held;

/*
 * Has fork() wait for the lock. Called by a constructor, or by an earlier one of the caller's.
 * May allocate by malloc(), so never called by it.
 */
void lock_survive_fork(void);

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
