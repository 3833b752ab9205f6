// SPDX-License-Identifier: BSD-3-Clause

/*
 * fork() while other threads allocate (B3): each child goes on with the
 * parent's blocks and its own lock, and so does the parent.
 */

#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>

#include "stress.h"

#define THREADS	4
#define CHILD_STEPS	200

static atomic_bool stop;

static void *work(void *arg)
{
	while (!stop)
		table_step(arg);
	table_clear(arg);
	return NULL;
}

static void fork_once(struct table *table)
{
	pid_t child = fork();
	int status;

	if (child < 0)
		complain("fork() failed");
	if (child == 0) {
		/* A child that waits for a lock nobody holds is ended by this. */
		alarm(20);
		table_run(table, CHILD_STEPS);
		table_clear(table);
		audit();
		_exit(0);
	}
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
		if (pthread_create(&threads[i], NULL, work, &tables[i]))
			complain("pthread_create() failed");
	for (long left = steps_wanted(argc, argv); left > 0; left--)
		fork_once(&tables[THREADS]);
	stop = 1;
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	table_clear(&tables[THREADS]);
	audit();
	return 0;
}
