/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * fork(): what the child of a process with threads finds. fork.c registers its handlers before
 * main(), and nothing calls it.
 *
 * The order in which locks are taken: the C library's list of fork handlers, its list of streams,
 * the lock of lock.h. A child has the calling thread alone; heaps of the others are abandoned
 * (idle.h). If the fork was called in a signal handler that interrupted a change of shared state or
 * of the thread's heap, the child starts with a new generation (lock.h).
 *
 * Fork handlers of libraries that were initialised earlier may use neither streams nor the
 * allocator.
 */

#ifndef FORK_H
#define FORK_H

#include <features.h>

/*
 * The lock of the C library's list of open streams. fork() takes it after all handlers have run,
 * that is, after our lock. But the thread that holds it may wait for a stream (fflush(NULL) does),
 * and the thread that holds that stream for our lock (getline() allocates). So a fork has to take
 * it first. glibc's is recursive and exported, in no header; musl's cannot be reached, so that
 * there these three threads can wait for each other.
 */
#ifdef __GLIBC__
void _IO_list_lock(void);
void _IO_list_unlock(void);
void _IO_list_resetlock(void);
#else
static inline void _IO_list_lock(void) {}
static inline void _IO_list_unlock(void) {}
static inline void _IO_list_resetlock(void) {}
#endif

#endif
