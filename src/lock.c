// SPDX-License-Identifier: BSD-3-Clause

#include "lock.h"

#include <pthread.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

bool lock_held;

/* Whether this thread is in fork() and holds the lock until that is over. */
static __thread bool forking __attribute__((tls_model("initial-exec")));

/* While this thread forks, another library's fork handlers may allocate between ours. */
void lock_take_shared(void)
{
	if (forking)
		return;
	pthread_mutex_lock(&mutex);
	lock_held = true;
}

void lock_give_shared(void)
{
	if (forking)
		return;
	lock_held = false;
	pthread_mutex_unlock(&mutex);
}

static void lock_before_fork(void)
{
	lock_take();
	forking = lock_held;
}

static void lock_after_fork(void)
{
	forking = false;
	lock_give();
}

/* In the child the mutex is held by a thread that is no more: make a new one. */
static void lock_renew(void)
{
	forking = false;
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
