// SPDX-License-Identifier: BSD-3-Clause

/*
 * fork() in a signal handler that has interrupted malloc(), realloc() or free()
 * in a process with one thread. If the interrupted call holds a lock, the thread
 * that forks holds it, and no other thread will release it.
 *
 * Half of the children allocate in the handler. They must get memory that is not
 * in use, and must not wait. With the C library's own malloc this is not tried:
 * its child finds the half-done change and aborts. The other half return from the
 * handler and continue the interrupted call, as the parent always does.
 */

#include "family.h"

#include <signal.h>
#include <stdatomic.h>
#include <time.h>

#define FORKS	600
#define KEPT	64
#define NEW	40

static void *kept[KEPT];	/* no interrupted call is about these */
static atomic_int forks;
static atomic_bool is_child;
static bool may_allocate;	/* in a child, in the handler */

static size_t kept_size(size_t i)
{
	return 16 + i * 37;
}

static void verify_kept(void)
{
	for (size_t i = 0; i < KEPT; i++)
		CHECK_FOR(holds(kept[i], kept_size(i), i), i);
}

/* Not setitimer(): its timers are too coarse, and the watchdog has one of them. */
static timer_t timer;

static void make_timer(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };

	CHECK(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
}

/* One signal, at a different place in the program each time. */
static void next_signal(void)
{
	static uint64_t state = 2463534242;
	long nanoseconds = 20000 + (long)(next_random(&state) % 100000);
	struct itimerspec time = { .it_value.tv_nsec = nanoseconds };

	CHECK(timer_settime(timer, 0, &time, NULL) == 0);
}

/* Sizes that the interrupted program uses as well. */
static void allocate_in_handler(void)
{
	void *blocks[NEW];

	for (size_t i = 0; i < NEW; i++) {
		blocks[i] = i % 5 ? malloc(8 + i * 50) : calloc(1, 8 + i * 50);
		CHECK_FOR(blocks[i], i);
		fill(blocks[i], 8 + i * 50, i + KEPT);
	}
	verify_kept();
	for (size_t i = 0; i < NEW; i++)
		CHECK_FOR(holds(blocks[i], 8 + i * 50, i + KEPT), i);
	for (size_t i = 0; i < NEW; i++)
		free(blocks[i]);
	free(malloc(200000));
}

static void be_child(void)
{
	watchdog();
	if (may_allocate && atomic_load(&forks) % 2) {
		allocate_in_handler();
		_exit(0);
	}
	atomic_store(&is_child, true);
}

static void be_parent(pid_t child)
{
	int status;

	while (waitpid(child, &status, 0) != child)
		CHECK(errno == EINTR);
	CHECK_FOR(status == 0, status);
	if (atomic_fetch_add(&forks, 1) + 1 < FORKS)
		next_signal();
}

static void on_signal(int number)
{
	int saved = errno;
	pid_t child = fork();

	CHECK(child >= 0 && number == SIGUSR1);
	if (child == 0)
		be_child();
	else
		be_parent(child);
	errno = saved;
}

/* Nearly all of the time is spent in the family's functions. */
static void allocate(void)
{
	static void *slots[100];
	static uint64_t state = 88172645463325252;

	for (int step = 0; step < 1000; step++) {
		void **slot = &slots[next_random(&state) % LENGTH(slots)];
		size_t size = 8 + next_random(&state) % 2000;
		size_t choice = next_random(&state) % 32;

		if (choice == 0)
			size += 200000;
		if (choice < 8) {
			*slot = realloc(*slot, size);
		} else {
			free(*slot);
			*slot = malloc(size);
		}
		CHECK_FOR(*slot, size);
	}
}

/* The parent works until there were enough forks; a child ends soon. */
static void go_on(void)
{
	while (!atomic_load(&is_child) && atomic_load(&forks) < FORKS)
		allocate();
	if (atomic_load(&is_child)) {
		allocate();
		verify_kept();
		_exit(0);
	}
}

int main(void)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };

	watchdog();
	may_allocate = !on_glibc();
	for (size_t i = 0; i < KEPT; i++) {
		kept[i] = malloc(kept_size(i));
		CHECK(kept[i]);
		fill(kept[i], kept_size(i), i);
	}
	CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
	make_timer();
	next_signal();
	go_on();
	verify_kept();
	return 0;
}
