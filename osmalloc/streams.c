// SPDX-License-Identifier: BSD-3-Clause

#include "streams.h"

#include <pthread.h>
#include <stdbool.h>

#include "lock.h"
#include "os.h"

/* Whether this thread forks and has it. */
static __thread bool held __attribute__((tls_model("initial-exec")));

static void before_fork(void)
{
	bool threads = !os_single_threaded();

	if (threads)
		_IO_list_lock();
	held = threads;
}

static void in_parent(void)
{
	if (held)
		_IO_list_unlock();
}

/* The thread that has the lock is another one now. */
static void in_child(void)
{
	if (held)
		_IO_list_resetlock();
}

/* Handlers run in the order in which they were registered, but in front of a fork the other way. */
__attribute__((constructor)) void streams_survive_fork(void)
{
	static bool done;

	if (done)
		return;
	done = true;
	lock_survive_fork();
	pthread_atfork(before_fork, in_parent, in_child);
}
