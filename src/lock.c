// SPDX-License-Identifier: BSD-3-Clause

#include "lock.h"

#include <pthread.h>
#include <stdbool.h>

#include "os.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

/*
 * Whether lock_take() locked. Only its holder looks: a second thread cannot
 * start while the first is between lock_take() and lock_give().
 */
static bool locked;

void lock_take(void)
{
	if (os_single_threaded())
		return;
	pthread_mutex_lock(&mutex);
	locked = true;
}

void lock_give(void)
{
	if (!locked)
		return;
	locked = false;
	pthread_mutex_unlock(&mutex);
}

/* In the child the mutex is held by a thread that is no more: make a new one. */
static void lock_renew(void)
{
	locked = false;
	pthread_mutex_init(&mutex, NULL);
}

/* glibc keeps the first handlers in static memory: this allocates nothing (Y2). */
__attribute__((constructor)) static void lock_survive_fork(void)
{
	pthread_atfork(lock_take, lock_give, lock_renew);
}
