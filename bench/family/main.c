// SPDX-License-Identifier: BSD-3-Clause
/*
 * The driver of the malloc family's workloads. Usage:
 *
 *	work WORKLOAD SCALE	one line "name value" for each figure
 *	work --list		one line "name single" or "name threads" for each workload
 *
 * Figures: operations, asked, returned (work.h); wall (elapsed time), cpu (of all
 * threads and children) and sys (the kernel's part of cpu), nanoseconds from the
 * start to the end of the workload; faults, the number of page faults; peak, KiB
 * of resident memory of the process so far; malloc, the library that defines it;
 * and the workload's own notes.
 */

#define _GNU_SOURCE

#include "work.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#define NOTES_MOST	8

static const struct workload *const lists[] = {
	small_workloads, large_workloads, memory_workloads, thread_workloads
};

static struct { const char *name; size_t value; } notes[NOTES_MOST];
static size_t noted;
static size_t peak;

void note(const char *name, size_t value)
{
	if (noted == NOTES_MOST)
		complain("too many notes");
	notes[noted].name = name;
	notes[noted++].value = value;
}

void note_peak(size_t kib)
{
	if (kib > peak)
		peak = kib;
}

/* The use of the process and its children so far: nanoseconds, number of page faults. */
struct taken {
	uint64_t wall, cpu, sys, faults;
};

static uint64_t in_nanoseconds(struct timeval time)
{
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_usec * 1000;
}

static void taken_add(struct taken *taken, int who)
{
	struct rusage usage;

	getrusage(who, &usage);
	taken->sys += in_nanoseconds(usage.ru_stime);
	taken->cpu += in_nanoseconds(usage.ru_utime) + in_nanoseconds(usage.ru_stime);
	taken->faults += (uint64_t)usage.ru_minflt;
}

static struct taken taken_now(void)
{
	struct taken taken = { .wall = now() };

	taken_add(&taken, RUSAGE_SELF);
	taken_add(&taken, RUSAGE_CHILDREN);
	return taken;
}

static void print_taken(struct taken from, struct taken to)
{
	printf("wall %ju\ncpu %ju\nsys %ju\nfaults %ju\n", (uintmax_t)(to.wall - from.wall),
	       (uintmax_t)(to.cpu - from.cpu), (uintmax_t)(to.sys - from.sys),
	       (uintmax_t)(to.faults - from.faults));
}

static const struct workload *find(const char *name)
{
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		for (const struct workload *each = lists[i]; each->name; each++)
			if (strcmp(each->name, name) == 0)
				return each;
	complain("no such workload: work --list prints them");
}

static int print_list(void)
{
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		for (const struct workload *each = lists[i]; each->name; each++)
			printf("%s %s\n", each->name, each->threads ? "threads" : "single");
	return 0;
}

/* The file that defines malloc(). */
static const char *library(void)
{
	Dl_info info;

	return dladdr(dlsym(RTLD_DEFAULT, "malloc"), &info) ? info.dli_fname : "unknown";
}

static void print_work(const struct work *work)
{
	printf("operations %zu\nasked %zu\nreturned %zu\n", work->operations, work->asked,
	       work->returned);
	printf("peak %zu\nmalloc %s\n", peak, library());
	for (size_t i = 0; i < noted; i++)
		printf("%s %zu\n", notes[i].name, notes[i].value);
}

static int measure(const struct workload *workload, size_t scale)
{
	struct work work = { .scale = scale, .random = 20260731 };
	struct taken from = taken_now();
	struct taken to;

	workload->run(&work);
	to = taken_now();
	if (!peak)
		note_peak(resident_peak());
	if (workload->after)
		workload->after(&work);
	print_taken(from, to);
	print_work(&work);
	return 0;
}

static size_t read_scale(const char *word)
{
	char *end;
	unsigned long scale = strtoul(word, &end, 10);

	if (*end || end == word || !scale || scale > 100 * FULL)
		complain("the scale is a number from 1 to 10000");
	return scale;
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--hello") == 0)
		return hello();
	if (argc == 2 && strcmp(argv[1], "--list") == 0)
		return print_list();
	if (argc != 3)
		complain("usage: work WORKLOAD SCALE | --list");
	return measure(find(argv[1]), read_scale(argv[2]));
}
