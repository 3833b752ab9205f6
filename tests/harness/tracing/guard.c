// SPDX-License-Identifier: BSD-3-Clause
/*
 * A library that is preloaded into ltrace (LD_PRELOAD), never into the program that ltrace runs. It
 * keeps the program from reaching the trace and the harness:
 *
 *  - the program inherits no descriptor of ltrace and cannot read /proc/<ltrace>/fd and mem;
 *  - when ltrace ends for any reason, the kernel kills every process that it traced; when the
 *    harness ends, the kernel kills ltrace;
 *  - if root runs ltrace, the program runs as a user (GUARD_USER, if set) who owns no other process
 *    and no file;
 *  - the program can send signals only to itself and cannot start an untraced process
 *    (confine_process());
 *  - the program has resource limits (GUARD_LIMITS adds some, as in confine_limits());
 *  - the program does not inherit ltrace's environment; GUARD_LIBRARY_PATH becomes its
 *    LD_LIBRARY_PATH;
 *  - with GUARD_FIXED_ADDRESSES, the kernel does not randomise the program's addresses;
 *  - system calls that no allocator needs are refused (confine_system_calls()), with GUARD_READABLE
 *    also files outside these paths (confine_files()), with GUARD_STRICT also all system calls that
 *    the program and its library do not need (confine_to_program_calls()).
 *
 * If a step fails, ltrace ends with status 125 and one line on stderr.
 */

#define _GNU_SOURCE
#include "../sandbox/confine.h"

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

/* The process id of ltrace. */
static pid_t tracer;

/* The GUARD_ variables, copied before the environment is cleared; NULL if not set. */
static const char *limits, *readable, *user, *fixed, *strict;

/* If the machine runs out of memory, the kernel kills ltrace and the program before the harness. */
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

/* HOME is set because ltrace 0.7.91 would read .ltrace.conf in the user's home directory. */
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
 * If run by root, becomes the user GUARD_USER, or one chosen by process id, so that programs that
 * run at the same time cannot affect each other.
 */
static void become_user(void)
{
	uid_t own = FIRST_USER + (uid_t)getpid() % USERS;

	if (geteuid() == 0)
		confine_user(user ? (uid_t)atoi(user) : own);
}

/*
 * Runs in the child that ltrace has forked, before it executes the program. The child is killed
 * when ltrace dies, and ends here if ltrace is dead already.
 */
static void guard_program(void)
{
	/* Some containers refuse this; addresses then differ from run to run. */
	if (fixed)
		personality(ADDR_NO_RANDOMIZE);
	if (limits)
		confine_limits(limits);
	become_user();
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
 * Replaces the C library's ptrace() in ltrace. Adds PTRACE_O_EXITKILL to the options that ltrace
 * sets: if ltrace ends, the kernel kills the program and every process and thread it started.
 * Before ltrace has set options, PR_SET_PDEATHSIG has the same effect, since the program is still
 * a child of ltrace that has run none of its own code.
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
