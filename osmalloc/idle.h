/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Heaps without a thread: how they are parked, collected and adopted.
 *
 * A thread that ends parks its heap. The next thread that needs one adopts it as it is, so a slab
 * never changes its owner. A few parked heaps are left as they are; others are collected first:
 * their empty slabs are closed, and every slab with live slots notifies when the last of them is
 * freed (remote_notify_last()), so that some other thread can collect again.
 *
 * A thread may end unnoticed: it took its heap in the last round of destructors, or a fork left it
 * behind in the parent. Such a heap is abandoned. Each heap has a robust mutex that its thread
 * holds to its end, and threads that need a heap look at some of these mutexes.
 *
 * Functions take the lock unless they say that it must be held.
 */

#ifndef IDLE_H
#define IDLE_H

#include "heap.h"

/*
 * A heap for the calling thread: a parked one, an abandoned one, or a new one; NULL with
 * errno = ENOMEM on failure. The lock must be held.
 */
struct thread_heap *idle_adopt(void);

/* The calling thread no longer uses the heap. */
void idle_park(struct thread_heap *heap);

/* Prepares a heap whose thread ends for idle_park(): collects it, unless it may stay as it is. */
void idle_prepare(struct thread_heap *heap);

/*
 * Closes the empty slabs of a heap that the calling thread uses. parked: also asks to be notified
 * when a slab with live slots becomes empty.
 */
void idle_collect(struct thread_heap *heap, bool parked);

/* Collects parked heaps with queued slabs, if there are any, and looks for abandoned heaps. */
void idle_collect_some(void);

/* Collects all parked and abandoned heaps. */
void idle_collect_all(void);

/* Another thread has put a slab of so many units into the heap's pending-free queue. */
void idle_notify(const struct thread_heap *heap, size_t units);

/* Calls visit for every parked heap. The lock must be held. */
void idle_walk(void (*visit)(const struct thread_heap *heap, void *arg), void *arg);

/*
 * In the child of a fork: all heaps except mine (NULL: none) are abandoned. lost: they are lost as
 * well, because the fork interrupted a change. They are searched later, because a child that calls
 * exec() does not need them.
 */
void idle_in_child(struct thread_heap *mine, bool lost);

#endif
