// SPDX-License-Identifier: BSD-3-Clause

#include "streams.h"

#include <stdbool.h>

#include "os.h"

/* Whether this thread forks and has it. */
static __thread bool held __attribute__((tls_model("initial-exec")));

void streams_before_fork(void)
{
	bool threads = !os_single_threaded();

	if (threads)
		_IO_list_lock();
	held = threads;
}

void streams_in_parent(void)
{
	if (held)
		_IO_list_unlock();
}

/* The thread that has the lock is another one now. */
void streams_in_child(void)
{
	if (held)
		_IO_list_resetlock();
}
