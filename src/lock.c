// SPDX-License-Identifier: BSD-3-Clause

#include "lock.h"

#include <pthread.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

bool lock_held;

/* Whether the forking thread has the lock of the list of streams. */
static bool streams_held;

void lock_take_shared(void)
{
	pthread_mutex_lock(&mutex);
	lock_held = true;
}

void lock_give_shared(void)
{
	lock_held = false;
	pthread_mutex_unlock(&mutex);
}

static void lock_before_fork(void)
{
	bool with_streams = !os_single_threaded();

	if (with_streams)
		_IO_list_lock();
	lock_take();
	streams_held = with_streams;
}

static void lock_after_fork(void)
{
	bool with_streams = streams_held;

	lock_give();
	if (with_streams)
		_IO_list_unlock();
}

/* In the child the mutex is held by a thread that is no more: make a new one. */
static void lock_renew(void)
{
	if (streams_held)
		_IO_list_resetlock();
	lock_held = false;
	pthread_mutex_init(&mutex, NULL);
}

/* glibc keeps the first handlers in static memory: this allocates nothing (Y2). */
__attribute__((constructor)) static void lock_survive_fork(void)
{
	pthread_atfork(lock_before_fork, lock_after_fork, lock_renew);
}
