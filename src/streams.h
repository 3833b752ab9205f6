/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The lock of glibc's list of open streams, around fork(). fork() takes it after all
 * handlers have run, that is, after our lock. But who has it may wait for a stream
 * (fflush(NULL) does), and who has that stream for our lock (getline() allocates). So a
 * fork has to take it first. It is recursive; glibc exports it, in no header.
 */

#ifndef STREAMS_H
#define STREAMS_H

void _IO_list_lock(void);
void _IO_list_unlock(void);
void _IO_list_resetlock(void);

/*
 * Makes fork() take it before our lock. Called before main(), or by the first thread that gets
 * a block: fork handlers that run before these may use neither streams nor the allocator.
 */
void streams_survive_fork(void);

#endif
