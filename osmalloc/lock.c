// SPDX-License-Identifier: BSD-3-Clause

#include "lock.h"

/*
 * The thread that holds the lock, as the address of its `forking`; 0: none does. The lowest bit is
 * set if others may be asleep until the lock is free. A mutex of the C library's would not tell
 * a signal handler whether it has interrupted the holder.
 */
static uintptr_t holder;

#define CONTENDED	((uintptr_t)1)

bool lock_held;
bool lock_busy;
unsigned int lock_generation;

/* Whether this thread is in fork() and holds the lock until fork() returns. */
static __thread bool forking __attribute__((tls_model("initial-exec"), aligned(2)));

static uintptr_t this_thread(void)
{
	return (uintptr_t)&forking;
}

/* Changes the holder from *seen to by; false: it was another one, which *seen is now. */
static bool replace(uintptr_t *seen, uintptr_t by)
{
	return __atomic_compare_exchange_n(&holder, seen, by, false, __ATOMIC_ACQUIRE,
					   __ATOMIC_RELAXED);
}

/* A thread that slept cannot know whether others still do, so it takes the lock with the bit. */
static void wait_and_take(void)
{
	uintptr_t seen = 0;

	while (!replace(&seen, this_thread() | CONTENDED)) {
		uintptr_t contended = seen | CONTENDED;

		if (seen == contended || replace(&seen, contended))
			os_wait(&holder, contended);
		seen = 0;
	}
}

/* A forking thread holds the lock: other libraries' fork handlers may allocate between ours. */
void lock_take_shared(void)
{
	uintptr_t nobody = 0;

	if (forking)
		return;
	if (unlikely(!replace(&nobody, this_thread())))
		wait_and_take();
	lock_held = true;
}

void lock_give_shared(void)
{
	if (forking)
		return;
	lock_held = false;
	if (unlikely(__atomic_exchange_n(&holder, 0, __ATOMIC_RELEASE) & CONTENDED))
		os_wake(&holder);
}

/*
 * A handler of a signal may fork that has interrupted the holder. Then nobody else is changing
 * anything, and the holder releases the lock when the handler has returned.
 */
void lock_before_fork(void)
{
	if ((__atomic_load_n(&holder, __ATOMIC_RELAXED) & ~CONTENDED) == this_thread() ||
	    os_single_threaded())
		return;
	lock_take_shared();
	forking = true;
}

void lock_after_fork(void)
{
	if (!forking)
		return;
	forking = false;
	lock_give_shared();
}

/* The child has one thread: there is none to wait for or to wake. */
void lock_in_child(void)
{
	forking = false;
	lock_held = false;
	__atomic_store_n(&holder, 0, __ATOMIC_RELAXED);
	lock_generation += lock_busy;
	lock_busy = false;
}
