// SPDX-License-Identifier: BSD-3-Clause

/*
 * fork() while other threads allocate (B3): each child uses copies of the
 * parent's blocks and its own lock, starts a thread and forks once more. The
 * parent continues too.
 */

#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>

#include "stress.h"

#define THREADS	4
#define CHILD_STEPS	200
#define GENERATIONS	2

/*
 * No new thread in a child where a sanitizer would need its own locks for it:
 * ThreadSanitizer forbids it, and AddressSanitizer's allocator may be locked by
 * a thread that the child does not have.
 */
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define CHILD_HAS_THREAD	0
#else
#define CHILD_HAS_THREAD	1
#endif

static atomic_bool stop;

static void *work(void *arg)
{
	while (!stop)
		table_step(arg);
	table_clear(arg);
	return NULL;
}

static pthread_t start(struct table *table)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, work, table))
		complain("pthread_create() failed");
	return thread;
}

static void join(pthread_t thread)
{
	if (pthread_join(thread, NULL))
		complain("pthread_join() failed");
}

static void fork_once(struct table *table, int generations);

_Noreturn static void be_child(struct table *table, int generations)
{
	static struct table other;
	pthread_t thread = pthread_self();

	/* Ends a child that waits for a lock that no thread holds. */
	alarm(600);
	other = (struct table){ .state = next_random(table) | 1 };
	if (CHILD_HAS_THREAD)
		thread = start(&other);
	table_run(table, CHILD_STEPS);
	if (generations > 1)
		fork_once(table, generations - 1);
	stop = 1;
	if (CHILD_HAS_THREAD)
		join(thread);
	table_clear(table);
	audit();
	_exit(0);
}

static void fork_once(struct table *table, int generations)
{
	pid_t child = fork();
	int status;

	if (child < 0)
		complain("fork() failed");
	if (child == 0)
		be_child(table, generations);
	if (waitpid(child, &status, 0) != child || status != 0)
		complain("a child failed");
	table_run(table, 10);
}

int main(int argc, char **argv)
{
	static struct table tables[THREADS + 1];
	pthread_t threads[THREADS];

	for (int i = 0; i <= THREADS; i++)
		tables[i].state = 88172645463325252 + (uint64_t)i;
	for (int i = 0; i < THREADS; i++)
		threads[i] = start(&tables[i]);
	for (long left = steps_wanted(argc, argv); left > 0; left--)
		fork_once(&tables[THREADS], GENERATIONS);
	stop = 1;
	for (int i = 0; i < THREADS; i++)
		join(threads[i]);
	table_clear(&tables[THREADS]);
	audit();
	return 0;
}
