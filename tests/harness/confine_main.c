// SPDX-License-Identifier: BSD-3-Clause
/*
 * confine - runs a command under the limits of confine.h
 *
 *	confine [-u USER] [-l LIMITS] [-r PATHS -w PATHS] [-s] COMMAND [ARGUMENT]...
 *	confine -v			prints the version of Landlock, 0 for none
 *
 * -u takes root's place (a number); -l as in confine_limits(); -r and -w as in confine_files(); -s
 * is confine_system_calls(). The command dies with the process that started it. Exit status: the
 * command's, 125 if a step failed, 127 if the command cannot be started.
 */
#define _GNU_SOURCE
#include "confine.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define NO_COMMAND 127

struct wanted {
	const char *limits, *readable, *writable;
	uid_t user;
	bool system_calls;
};

/* The options; the command begins at optind afterwards. */
static struct wanted read_options(int argc, char **argv)
{
	struct wanted wanted = { .writable = "", .limits = "" };
	int option;

	while ((option = getopt(argc, argv, "+u:l:r:w:sv")) != -1) {
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
		else if (option == 'v')
			exit(printf("%d\n", confine_landlock_version()) < 0);
		else
			exit(CONFINE_FAILED);
	}
	return wanted;
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
	if (wanted.readable)
		confine_files(wanted.readable, wanted.writable);
	if (wanted.system_calls)
		confine_system_calls();
	execvp(argv[optind], argv + optind);
	fprintf(stderr, "confined: cannot run %s: %s\n", argv[optind], strerror(errno));
	return NO_COMMAND;
}
