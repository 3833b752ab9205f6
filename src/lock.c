// SPDX-License-Identifier: BSD-3-Clause

#include "lock.h"

#include <pthread.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

bool lock_held;

/* Whether this thread is in fork() and holds the lock until fork() returns. */
static __thread bool forking __attribute__((tls_model("initial-exec")));

/* A forking thread holds the lock: other libraries' fork handlers may allocate between ours. */
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

/* In the child, the mutex belongs to a thread that no longer exists: initialise it again. */
static void lock_renew(void)
{
	forking = false;
	lock_held = false;
	pthread_mutex_init(&mutex, NULL);
}

/* glibc keeps the first fork handlers in static memory, so this allocates nothing (Y2). */
__attribute__((constructor)) void lock_survive_fork(void)
{
	static bool done;

	if (done)
		return;
	done = true;
	pthread_atfork(lock_before_fork, lock_after_fork, lock_renew);
}
