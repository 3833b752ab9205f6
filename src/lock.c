// SPDX-License-Identifier: BSD-3-Clause

#include "lock.h"

#include <pthread.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

bool lock_held;

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
	lock_take();
}

static void lock_after_fork(void)
{
	lock_give();
}

/* In the child the mutex is held by a thread that is no more: make a new one. */
static void lock_renew(void)
{
	lock_held = false;
	pthread_mutex_init(&mutex, NULL);
}

/* glibc keeps the first handlers in static memory: this allocates nothing (Y2). */
__attribute__((constructor)) void lock_survive_fork(void)
{
	static bool done;

	if (done)
		return;
	done = true;
	pthread_atfork(lock_before_fork, lock_after_fork, lock_renew);
}
