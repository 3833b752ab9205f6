// SPDX-License-Identifier: BSD-3-Clause
/*
 * Runs a program with an allocator preloaded and writes its time and memory. Usage:
 *
 *	launch LIBRARY FIGURES PROGRAM ARGUMENT...
 *
 * FIGURES becomes a file of lines "name value": wall (elapsed time), cpu (of the
 * program and all children) and sys (the kernel's part of cpu) in nanoseconds;
 * faults, the number of page faults; peak, KiB of resident memory.
 * Exit status: the program's, 126 if it was killed or could not be run.
 *
 * The kernel's peak of a process includes that of its parent at the fork, so this
 * small program is the parent.
 */

#define _GNU_SOURCE

#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FAILED		126

static _Noreturn void complain(const char *what)
{
	perror(what);
	_exit(FAILED);
}

static intmax_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (intmax_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static intmax_t in_nanoseconds(struct timeval time)
{
	return (intmax_t)time.tv_sec * 1000000000 + (intmax_t)time.tv_usec * 1000;
}

/* The program must end when this process is killed. */
static _Noreturn void become(const char *library, char **words)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (setenv("LD_PRELOAD", library, 1))
		complain("LD_PRELOAD");
	execvp(words[0], words);
	complain(words[0]);
}

static void write_figures(const char *path, intmax_t wall, const struct rusage *usage)
{
	intmax_t user = in_nanoseconds(usage->ru_utime);
	intmax_t sys = in_nanoseconds(usage->ru_stime);
	FILE *file = fopen(path, "w");

	if (!file || fprintf(file, "wall %jd\ncpu %jd\nsys %jd\nfaults %ld\npeak %ld\n", wall,
			     user + sys, sys, usage->ru_minflt, usage->ru_maxrss) < 0 ||
	    fclose(file))
		complain(path);
}

int main(int argc, char **argv)
{
	struct rusage usage;
	intmax_t start = now();
	int status;
	pid_t id;

	if (argc < 4) {
		fputs("usage: launch LIBRARY FIGURES PROGRAM ARGUMENT...\n", stderr);
		return FAILED;
	}
	id = fork();
	if (id < 0)
		complain("fork");
	if (id == 0)
		become(argv[1], argv + 3);
	if (wait4(id, &status, 0, &usage) != id)
		complain("wait");
	write_figures(argv[2], now() - start, &usage);
	return WIFEXITED(status) ? WEXITSTATUS(status) : FAILED;
}
