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

/* Handlers of pthread_atfork(3), to run before, and after, those of our lock. */
void streams_before_fork(void);
void streams_in_parent(void);
void streams_in_child(void);

#endif
