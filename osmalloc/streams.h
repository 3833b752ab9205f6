/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The lock of the C library's list of open streams, around fork(). fork() takes it after all
 * handlers have run, that is, after our lock. But the thread that holds it may wait for a stream
 * (fflush(NULL) does), and the thread that holds that stream for our lock (getline() allocates).
 * So a fork has to take it first. glibc's is recursive and exported, in no header; musl's cannot
 * be reached, so that there these three threads can wait for each other.
 */

#ifndef STREAMS_H
#define STREAMS_H

#include <features.h>

#ifdef __GLIBC__
void _IO_list_lock(void);
void _IO_list_unlock(void);
void _IO_list_resetlock(void);
#else
static inline void _IO_list_lock(void) {}
static inline void _IO_list_unlock(void) {}
static inline void _IO_list_resetlock(void) {}
#endif

/*
 * Makes fork() take it before our lock. Called before main(), or by the first thread that gets
 * a block: fork handlers that run before these may use neither streams nor the allocator.
 */
void streams_survive_fork(void);

#endif
