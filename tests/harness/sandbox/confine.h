/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Before a process runs an untrusted program, it gives up rights for good: its user, resources,
 * files and system calls. If its step fails, each function prints one line on stderr and ends the
 * process with status 125. Used by guard.c (traced programs) and confine_main.c (compilers, and
 * the second run of a failed program).
 */

#ifndef CONFINE_H
#define CONFINE_H

#include <stddef.h>
#include <sys/resource.h>
#include <sys/types.h>

#define CONFINE_FAILED 125

/* User ids of confined programs: the range that systemd reserves for DynamicUser. */
#define FIRST_USER 61184u
#define USERS 4096u

/* Prints which step failed and why (errno), and ends the process. */
void confine_give_up(const char *step) __attribute__((noreturn));

/* Sets the soft and the hard limit to most, or to the current hard limit if that is lower. */
void confine_limit(__rlimit_resource_t what, rlim_t most);

/*
 * Sets the limits in a text like "cpu=2,as=1000000". Names: cpu (s), as, fsize, core (bytes),
 * nproc, nofile.
 */
void confine_limits(const char *text);

/* Becomes this user and group, without supplementary groups; for root only. */
void confine_user(uid_t id);

/* The version of Landlock that the kernel has; 0 for none. */
int confine_landlock_version(void);

/*
 * Allows reading and running only files beneath `readable` and `writable`, and writing only files
 * beneath `writable`. Both are lists separated by colons; missing paths are ignored. If the kernel
 * supports it, TCP is refused too, and so are signals and abstract sockets to processes outside.
 */
void confine_files(const char *readable, const char *writable);

/* Adds a seccomp filter of `count` instructions. */
struct sock_filter;
void confine_filter(const struct sock_filter *rules, size_t count);

/*
 * Refuses, with EPERM, system calls that allocators and compilers do not need: sockets,
 * administration of the kernel, other processes' memory, System V IPC, io_uring, locks on files.
 */
void confine_system_calls(void);

/*
 * For a test program: refuses system calls that affect other processes, such as signals, and those
 * that hide code from a tracer (clone3, rseq). A system call of another ABI ends the program.
 */
void confine_process(void);

/*
 * Refuses, with EPERM, all system calls except those that a test program, its library and the
 * loader need. Files can be opened for reading only.
 */
void confine_to_program_calls(void);

#endif
