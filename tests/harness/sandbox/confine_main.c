// SPDX-License-Identifier: BSD-3-Clause
/*
 * confine - runs a command under the limits of confine.h
 *
 *	confine [-u USER] [-l LIMITS] [-r PATHS -w PATHS] [-s] [-p] [-c] [-t SECONDS] [-d FD]
 *		[-e NAME=VALUE]... COMMAND [ARGUMENT]...
 *	confine -v			prints the version of Landlock, 0 for none
 *
 *	-u	the user id to run as (for root)
 *	-l	as in confine_limits()
 *	-r, -w	as in confine_files()
 *	-s	confine_system_calls()
 *	-p	confine_process()
 *	-c	confine_to_program_calls()
 *	-t	SIGPROF after SECONDS of processor time and then every SECONDS/100; SIGALRM after
 *		ten times SECONDS of wall time
 *	-d	duplicate standard output to descriptor FD, and discard all output of the command
 *	-e	a variable of the environment, which then has no others; without -e the
 *		environment is inherited
 *
 * The command is killed when the process that started it ends. Exit status: the command's, 125 if a
 * step failed, 127 if the command cannot be started.
 */
#define _GNU_SOURCE
#include "confine.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <unistd.h>

#define NO_COMMAND 127
#define PATIENCE 10		/* the wall time is this many times the processor time */
#define OFTEN 100		/* SIGPROF repeats at this fraction of the time */
#define MOST_VARIABLES 16

struct wanted {
	const char *limits, *readable, *writable;
	uid_t user;
	bool system_calls, process, program_calls;
	double seconds;
	int descriptor;
	char *environment[MOST_VARIABLES + 1];
	int variables;
};

static void take_variable(struct wanted *wanted, char *text)
{
	errno = E2BIG;
	if (wanted->variables == MOST_VARIABLES)
		confine_give_up("-e");
	wanted->environment[wanted->variables++] = text;
}

/* Parses the options; the command starts at optind afterwards. */
static struct wanted read_options(int argc, char **argv)
{
	struct wanted wanted = { .writable = "", .limits = "" };
	int option;

	while ((option = getopt(argc, argv, "+u:l:r:w:spct:d:e:v")) != -1) {
		if (option == 'u')
			wanted.user = (uid_t)atoi(optarg);
		else if (option == 'l')
			wanted.limits = optarg;
		else if (option == 'r')
			wanted.readable = optarg;
		else if (option == 'w')
			wanted.writable = optarg;
		else if (option == 's')
			wanted.system_calls = true;
		else if (option == 'p')
			wanted.process = true;
		else if (option == 'c')
			wanted.program_calls = true;
		else if (option == 't')
			wanted.seconds = strtod(optarg, NULL);
		else if (option == 'd')
			wanted.descriptor = atoi(optarg);
		else if (option == 'e')
			take_variable(&wanted, optarg);
		else if (option == 'v')
			exit(printf("%d\n", confine_landlock_version()) < 0);
		else
			exit(CONFINE_FAILED);
	}
	return wanted;
}

static struct timeval time_of(double seconds)
{
	struct timeval time = { .tv_sec = (time_t)seconds };

	time.tv_usec = (suseconds_t)((seconds - (double)time.tv_sec) * 1e6);
	return time;
}

/* Sends a signal after `seconds`, and then every `again` seconds if that is not 0. */
static void set_timer(__itimer_which_t which, double seconds, double again)
{
	struct itimerval timer = { .it_value = time_of(seconds), .it_interval = time_of(again) };

	if (setitimer(which, &timer, NULL) != 0)
		confine_give_up("setitimer");
}

/* Duplicates standard output to descriptor `report`; discards all output of the command. */
static void silence(int report)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (null < 0 || dup2(STDOUT_FILENO, report) < 0 || dup2(null, STDOUT_FILENO) < 0 ||
	    dup2(null, STDERR_FILENO) < 0)
		confine_give_up("/dev/null");
}

static void refuse_system_calls(const struct wanted *wanted)
{
	if (wanted->system_calls)
		confine_system_calls();
	if (wanted->process)
		confine_process();
	if (wanted->program_calls)
		confine_to_program_calls();
}

int main(int argc, char **argv)
{
	pid_t parent = getppid();
	struct wanted wanted = read_options(argc, argv);

	confine_limits(wanted.limits);
	if (wanted.user)
		confine_user(wanted.user);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
		confine_give_up("the parent is gone");
	if (wanted.descriptor)
		silence(wanted.descriptor);
	if (wanted.readable)
		confine_files(wanted.readable, wanted.writable);
	if (wanted.seconds > 0) {
		set_timer(ITIMER_PROF, wanted.seconds, wanted.seconds / OFTEN);
		set_timer(ITIMER_REAL, PATIENCE * wanted.seconds, 0);
	}
	refuse_system_calls(&wanted);
	if (wanted.variables)
		environ = wanted.environment;
	execvp(argv[optind], argv + optind);
	fprintf(stderr, "confined: cannot run %s: %s\n", argv[optind], strerror(errno));
	return NO_COMMAND;
}
