// SPDX-License-Identifier: BSD-3-Clause
/* Tools for workloads: clocks, /proc, tables, threads. They never call malloc. */

#define _GNU_SOURCE

#include "work.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define STATUS_MOST	(8 * KIB)
#define THREADS_MOST	128

_Noreturn void complain(const char *what)
{
	static const char who[] = "work: ";
	ssize_t written = write(STDERR_FILENO, who, sizeof(who) - 1);

	written += write(STDERR_FILENO, what, strlen(what));
	written += write(STDERR_FILENO, "\n", 1);
	_exit(written ? 1 : 2);
}

void *table(size_t bytes)
{
	void *start = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (start == MAP_FAILED)
		complain("no memory for the workload's own table");
	return start;
}

uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/* The number after the word at the start of a line of a file in /proc. */
static size_t number_in(const char *path, const char *word)
{
	char text[STATUS_MOST];
	int file = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length = file < 0 ? -1 : read(file, text, sizeof(text) - 1);
	const char *found;

	if (length < 0)
		complain("/proc is needed and not mounted");
	close(file);
	text[length] = '\0';
	found = strstr(text, word);
	if (!found)
		complain("/proc does not tell how much memory is resident");
	return strtoul(found + strlen(word), NULL, 10);
}

size_t resident(void)
{
	return number_in("/proc/self/smaps_rollup", "\nRss:");
}

size_t resident_peak(void)
{
	return number_in("/proc/self/status", "\nVmHWM:");
}

void give_all(struct work *work, void **slots, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (slots[i])
			give(work, slots[i]);
		slots[i] = NULL;
	}
}

struct link *chain_add(struct work *work, struct link *chain, size_t least, size_t most)
{
	size_t size = random_between(&work->random, least, most);
	struct link *link = take(work, size);

	memset(link + 1, (int)size, size - sizeof(*link));
	link->next = chain;
	return link;
}

void chain_give(struct work *work, struct link *chain)
{
	while (chain) {
		struct link *next = chain->next;

		give(work, chain);
		chain = next;
	}
}

void work_add(struct work *work, const struct work *part)
{
	work->operations += part->operations;
	work->asked += part->asked;
	work->returned += part->returned;
}

/* A thread of in_parallel(). */
struct thread {
	pthread_t id;
	struct part part;
	void (*run)(struct part *part);
};

static void *thread_run(void *thread)
{
	struct thread *own = thread;

	own->run(&own->part);
	return NULL;
}

void in_parallel(struct work *work, size_t threads, void (*run)(struct part *part), void *shared)
{
	static struct thread all[THREADS_MOST];

	for (size_t i = 0; i < threads; i++) {
		all[i].run = run;
		all[i].part = (struct part){
			.work = { .scale = work->scale, .random = random_next(&work->random) },
			.number = i, .shared = shared,
		};
		if (pthread_create(&all[i].id, NULL, thread_run, &all[i]))
			complain("no further thread");
	}
	for (size_t i = 0; i < threads; i++) {
		pthread_join(all[i].id, NULL);
		work_add(work, &all[i].part.work);
	}
}
