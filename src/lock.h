/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The one lock of the library (B3). Not taken while the process has a single
 * thread. A fork() waits for it, so the child finds a consistent heap and a
 * free lock. Not recursive; not for signal handlers.
 */

#ifndef LOCK_H
#define LOCK_H

void lock_take(void);
void lock_give(void);

#endif
