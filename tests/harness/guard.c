// SPDX-License-Identifier: BSD-3-Clause
/*
 * Loaded into ltrace (LD_PRELOAD), never into the program that ltrace runs. It closes the ways
 * from the traced program to the trace and to the harness, before that program exists:
 *
 *  - no descriptor of ltrace reaches the program, and /proc/<ltrace>/fd and mem are not readable;
 *  - when ltrace ends, however it ends, the kernel kills every process that it traced, and ltrace
 *    itself ends with the harness;
 *  - run by root, the program belongs to a user of its own, who owns no other process and no file
 *    (GUARD_USER, if it is set);
 *  - the program can signal nobody but itself, and cannot start a process that is not traced
 *    (confine_process());
 *  - the program has limits (GUARD_LIMITS more of them, as in confine_limits()), and an environment
 *    of its own: GUARD_LIBRARY_PATH becomes its LD_LIBRARY_PATH and nothing else of ltrace's
 *    environment is left;
 *  - with GUARD_FIXED_ADDRESSES, the kernel lays its memory out as in every other such run;
 *  - system calls that no allocator has a use for are refused (confine_system_calls()); so are all
 *    files outside GUARD_READABLE, if that is set (confine_files()), and with GUARD_STRICT all
 *    system calls that the program and its library need not make (confine_to_program_calls()).
 *
 * A step that fails ends ltrace with status 125 and one line on stderr.
 */

#define _GNU_SOURCE
#include "confine.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ADDRESS_SPACE (2ul << 30)
#define FILE_SIZE (16ul << 20)
#define FIRST_OTHER_FD 3
#define LAST_FD 1024

/* The process that this is loaded into: ltrace. */
static pid_t tracer;

/* From the environment, before it is cleared; NULL for what is not asked for. */
static const char *limits, *readable, *user, *fixed, *strict;

/* Should memory run out all the same, the program goes first, not the harness. */
static void go_first(void)
{
	static const char worst[] = "1000";
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, worst, sizeof(worst) - 1) < 0)
		confine_give_up("/proc/self/oom_score_adj");
	close(fd);
}

static void close_descriptors_on_exec(void)
{
	for (int fd = FIRST_OTHER_FD; fd < LAST_FD; fd++)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
}

/* A copy of an environment variable that outlives the environment. */
static const char *kept(const char *name)
{
	const char *value = getenv(name);

	return value ? strdup(value) : NULL;
}

/* HOME: else ltrace 0.7.91 reads the .ltrace.conf of its user's home. */
static void set_program_environment(void)
{
	char path[4096];
	const char *given = getenv("GUARD_LIBRARY_PATH");

	limits = kept("GUARD_LIMITS");
	readable = kept("GUARD_READABLE");
	user = kept("GUARD_USER");
	fixed = kept("GUARD_FIXED_ADDRESSES");
	strict = kept("GUARD_STRICT");
	snprintf(path, sizeof(path), "%s", given ? given : "");
	clearenv();
	if (setenv("LD_LIBRARY_PATH", path, 1) != 0 || setenv("LANG", "C", 1) != 0 ||
	    setenv("HOME", "/nonexistent", 1) != 0)
		confine_give_up("setenv");
}

/*
 * Run by root: become the user that was asked for, or one of this process's own, so that programs
 * that run at the same time cannot touch each other.
 */
static void become_nobody_else(void)
{
	uid_t own = FIRST_USER + (uid_t)getpid() % USERS;

	if (geteuid() == 0)
		confine_user(user ? (uid_t)atoi(user) : own);
}

/*
 * In the child that ltrace has forked, which becomes the program. It is killed when ltrace dies,
 * and ends here if that has happened already.
 */
static void guard_program(void)
{
	/* Some containers do not allow it: then addresses differ from run to run. */
	if (fixed)
		personality(ADDR_NO_RANDOMIZE);
	if (limits)
		confine_limits(limits);
	become_nobody_else();
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != tracer)
		confine_give_up("the tracer is gone");
	if (readable)
		confine_files(readable, "/dev/null");
	confine_system_calls();
	confine_process();
	if (strict)
		confine_to_program_calls();
}

/*
 * ltrace asks for the events of the programs it traces here. PTRACE_O_EXITKILL is added: a
 * program whose tracer is gone is killed, and so is every process and thread it started. Until
 * ltrace has come to ask, the death of its parent does the same; the program is a child of ltrace
 * with no code of its own then.
 */
long ptrace(enum __ptrace_request request, ...)
{
	va_list rest;
	pid_t pid;
	void *address;
	unsigned long data;

	va_start(rest, request);
	pid = va_arg(rest, pid_t);
	address = va_arg(rest, void *);
	data = va_arg(rest, unsigned long);
	va_end(rest);

	if (request >= PTRACE_PEEKTEXT && request <= PTRACE_PEEKUSER) {
		unsigned long word = 0;
		long failed = syscall(SYS_ptrace, request, pid, address, &word);

		if (failed)
			return failed;
		errno = 0;
		return (long)word;
	}
	if (request == PTRACE_TRACEME)
		guard_program();
	if (request == PTRACE_SETOPTIONS)
		data |= PTRACE_O_EXITKILL;
	return syscall(SYS_ptrace, request, pid, address, data);
}

__attribute__((constructor)) static void guard(void)
{
	tracer = getpid();
	go_first();
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || prctl(PR_SET_DUMPABLE, 0) != 0)
		confine_give_up("prctl");
	close_descriptors_on_exec();
	confine_limit(RLIMIT_CORE, 0);
	confine_limit(RLIMIT_FSIZE, FILE_SIZE);
	confine_limit(RLIMIT_AS, ADDRESS_SPACE);
	set_program_environment();
}
