// SPDX-License-Identifier: BSD-3-Clause

#include "fork.h"

#include <pthread.h>
#include <stdbool.h>

#include "lock.h"
#include "thread.h"

/* Whether this thread forks and has the lock of the streams. */
static __thread bool has_streams __attribute__((tls_model("initial-exec")));

static void before(void)
{
	bool threads = !os_single_threaded();

	if (threads)
		_IO_list_lock();
	has_streams = threads;
	lock_before_fork();
}

static void in_parent(void)
{
	lock_after_fork();
	if (has_streams)
		_IO_list_unlock();
}

/* The thread that has the lock of the streams is another one now. */
static void in_child(void)
{
	lock_in_child();
	if (has_streams)
		_IO_list_resetlock();
	thread_in_child();
}

/*
 * Before all other constructors (Makefile: initfirst), so that handlers which others register run
 * inside ours: handlers before a fork run in the reverse order. Not from malloc(), which
 * pthread_atfork() may call with the C library's lock held. glibc keeps the first handlers in
 * static memory, so this allocates nothing.
 */
__attribute__((constructor(101))) static void survive_fork(void)
{
	pthread_atfork(before, in_parent, in_child);
}
