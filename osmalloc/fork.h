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

#endif
