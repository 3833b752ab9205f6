/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What a process gives up for good before it becomes a program that somebody else wrote: its user,
 * resources, files, system calls. Each function ends the process with status 125 and one line
 * on stderr when its step fails. Used by guard.c (traced programs) and confine_main.c (compilers,
 * and a failed program's second run).
 */

#ifndef CONFINE_H
#define CONFINE_H

#include <stddef.h>
#include <sys/resource.h>
#include <sys/types.h>

#define CONFINE_FAILED 125

/* Users of confined programs: the numbers that systemd keeps for the like (DynamicUser). */
#define FIRST_USER 61184u
#define USERS 4096u

/* Says which step failed and why (errno), and ends the process. */
void confine_give_up(const char *step) __attribute__((noreturn));

/* Sets the soft and the hard limit to most, or leaves the hard one if it is lower already. */
void confine_limit(__rlimit_resource_t what, rlim_t most);

/* The same for a text like "cpu=2,as=1000000": cpu (s), as, fsize, core (bytes), nproc, nofile. */
void confine_limits(const char *text);

/* Become this user and group, without others; for root only. */
void confine_user(uid_t id);

/* The version of Landlock that the kernel has; 0 for none. */
int confine_landlock_version(void);

/*
 * Only what lies beneath these paths can be read and run, and only what lies beneath `writable`
 * written; both are lists separated by colons, paths that do not exist are left out. Where the
 * kernel can, also: no TCP, no signals and no abstract sockets to processes outside.
 */
void confine_files(const char *readable, const char *writable);

/* From now on this seccomp filter of `count` instructions decides system calls as well. */
struct sock_filter;
void confine_filter(const struct sock_filter *rules, size_t count);

/*
 * Refuses, with EPERM, system calls that an allocator and a compiler have no use for: sockets, the
 * kernel's own administration, other processes' memory, System V memory, io_uring, locks on files.
 */
void confine_system_calls(void);

/*
 * For a test program: refuses what would reach other processes, such as signals to any but this
 * one, and what hides code from a tracer (clone3, rseq). A call of another ABI ends the program.
 */
void confine_process(void);

/*
 * Refuses, with EPERM, every system call but those that a test program, its library and the loader
 * have a use for. Files can be opened for reading only.
 */
void confine_to_program_calls(void);

#endif
