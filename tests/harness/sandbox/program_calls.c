// SPDX-License-Identifier: BSD-3-Clause
/*
 * The filters for system calls of test programs; see confine.h.
 */
#define _GNU_SOURCE
#include "confine.h"
#include "filter.h"

#include <asm/ioctls.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ENOSYS: the kernel does not have the system call. */
#define NO_SUCH_CALL 38

#if defined(__x86_64__)
#define NATIVE_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE_ARCH AUDIT_ARCH_AARCH64
#else
#error "the system calls of test programs are known for x86-64 and arm64 only"
#endif

/* Numbers from here on belong to x86-64's second ABI (x32). */
#define FOREIGN_ABI 0x40000000u

/*
 * clone3 and rseq fail as if the kernel did not have them. The C library then uses clone, whose
 * flags a filter can read. With rseq, the kernel would send a program that ltrace stops inside a
 * restartable sequence to code that no trace shows. A program may send signals only to its own
 * process id: a list of forbidden ids would not suffice, since a signal to any thread's id reaches
 * the whole process.
 */
void confine_process(void)
{
	struct sock_filter rules[] = {
		LOAD(arch),
		IF_EQUAL(NATIVE_ARCH, 1, 0),
		ANSWER(SECCOMP_RET_KILL_PROCESS),
		LOAD(nr),
		IF_AT_LEAST(FOREIGN_ABI, 0, 1),
		ANSWER(SECCOMP_RET_KILL_PROCESS),
		IF_EQUAL(SYS_clone3, 1, 0),
		IF_EQUAL(SYS_rseq, 0, 1),
		FAIL_WITH(NO_SUCH_CALL),
		IF_EQUAL(SYS_pidfd_open, 2, 0),
		IF_EQUAL(SYS_pidfd_send_signal, 1, 0),
		IF_EQUAL(SYS_process_vm_writev, 0, 1),
		REFUSE,
		IF_EQUAL(SYS_clone, 0, 4),
		LOAD(args[0]),
		IF_ANY_BIT(CLONE_UNTRACED, 0, 1),
		REFUSE,
		ALLOW,
		IF_EQUAL(SYS_prlimit64, 0, 4),
		LOAD(args[0]),
		IF_EQUAL(0, 1, 0),
		REFUSE,
		ALLOW,
		IF_EQUAL(SYS_kill, 5, 0),
		IF_EQUAL(SYS_tkill, 4, 0),
		IF_EQUAL(SYS_tgkill, 3, 0),
		IF_EQUAL(SYS_rt_sigqueueinfo, 2, 0),
		IF_EQUAL(SYS_rt_tgsigqueueinfo, 1, 0),
		ALLOW,
		LOAD(args[0]),
		IF_EQUAL((unsigned int)getpid(), 0, 1),
		ALLOW,
		REFUSE,
	};

	confine_filter(rules, COUNT(rules));
}

/*
 * A library under test needs brk, mmap and munmap. The loader, the C library and the test programs
 * need the others. Some are allowed because the trace shows them as a fault (clone, execve).
 */
static const unsigned int allowed[] = {
	/* memory */
	SYS_brk, SYS_munmap, SYS_madvise, SYS_mincore, SYS_msync,
	SYS_mlock, SYS_munlock, SYS_membarrier,
	/* files, for reading, and the standard streams */
	SYS_read, SYS_readv, SYS_pread64, SYS_write, SYS_writev, SYS_lseek, SYS_close, SYS_fstat,
	SYS_newfstatat, SYS_statx, SYS_statfs, SYS_faccessat, SYS_readlinkat, SYS_getcwd,
	SYS_getdents64, SYS_dup,
#ifdef SYS_access
	SYS_access, SYS_stat, SYS_lstat, SYS_readlink, SYS_poll,
#endif
	/* processes; the trace shows if one is started */
	SYS_execve, SYS_clone, SYS_exit, SYS_exit_group, SYS_wait4, SYS_sched_yield,
	SYS_set_tid_address, SYS_set_robust_list, SYS_prlimit64, SYS_getrusage,
#ifdef SYS_fork
	SYS_fork, SYS_vfork, SYS_arch_prctl, SYS_getrlimit, SYS_setrlimit,
#endif
	/* signals to itself; confine_process() refuses others */
	SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_sigaltstack, SYS_kill,
	SYS_tkill, SYS_tgkill, SYS_restart_syscall,
	/* harmless queries */
	SYS_getpid, SYS_getppid, SYS_gettid, SYS_getuid, SYS_geteuid, SYS_getgid, SYS_getegid,
	SYS_uname, SYS_sysinfo, SYS_getrandom, SYS_getcpu, SYS_sched_getaffinity,
	SYS_clock_gettime, SYS_clock_getres, SYS_clock_nanosleep, SYS_nanosleep, SYS_gettimeofday,
#ifdef SYS_pause
	SYS_time, SYS_pause,
#endif
};

/*
 * System calls that are allowed only with some arguments:
 *
 * - open(), openat(): only for reading
 * - fcntl(): not to request a signal when a file changes
 * - mmap(), mprotect(), mremap(): not to make memory executable or to move code; only the loader
 *   maps code, and the trace shows a later mmap() of a file
 * - prctl(): only to refuse further system calls
 * - ptrace(): only to request a tracer, as ltrace's child does after this filter is set
 * - ioctl(): only to ask whether a stream is a terminal
 * - futex(): only private ones; on a page of a file, it would reach all processes that map the file
 */
static const struct sock_filter by_argument[] = {
#ifdef SYS_open
	IF_EQUAL(SYS_open, 0, 4),
	LOAD(args[1]),
	IF_ANY_BIT(O_ACCMODE | O_CREAT | O_TRUNC, 0, 1),
	REFUSE,
	ALLOW,
#endif
	IF_EQUAL(SYS_openat, 0, 4),
	LOAD(args[2]),
	IF_ANY_BIT(O_ACCMODE | O_CREAT | O_TRUNC, 0, 1),
	REFUSE,
	ALLOW,
	IF_EQUAL(SYS_mmap, 0, 6),
	LOAD(args[2]),
	IF_ANY_BIT(PROT_EXEC, 0, 3),
	LOAD(args[3]),
	IF_ANY_BIT(MAP_ANONYMOUS | MAP_SHARED, 0, 1),
	REFUSE,
	ALLOW,
	IF_EQUAL(SYS_mremap, 0, 4),
	LOAD(args[3]),
	IF_ANY_BIT(~(unsigned int)MREMAP_MAYMOVE, 0, 1),
	REFUSE,
	ALLOW,
	IF_EQUAL(SYS_fcntl, 0, 5),
	LOAD(args[1]),
	IF_EQUAL(F_DUPFD_CLOEXEC, 1, 0),
	IF_ABOVE(F_SETFL, 0, 1),
	REFUSE,
	ALLOW,
	IF_EQUAL(SYS_ioctl, 0, 4),
	LOAD(args[1]),
	IF_EQUAL(TCGETS, 1, 0),
	REFUSE,
	ALLOW,
	IF_EQUAL(SYS_mprotect, 0, 4),
	LOAD(args[2]),
	IF_ANY_BIT(PROT_EXEC, 0, 1),
	REFUSE,
	ALLOW,
	IF_EQUAL(SYS_prctl, 0, 4),
	LOAD(args[0]),
	IF_EQUAL(PR_SET_SECCOMP, 1, 0),
	REFUSE,
	ALLOW,
	IF_EQUAL(SYS_futex, 0, 4),
	LOAD(args[1]),
	IF_ANY_BIT(FUTEX_PRIVATE_FLAG, 1, 0),
	REFUSE,
	ALLOW,
	IF_EQUAL(SYS_ptrace, 0, 4),
	LOAD(args[0]),
	IF_EQUAL(PTRACE_TRACEME, 1, 0),
	REFUSE,
	ALLOW,
};

void confine_to_program_calls(void)
{
	struct sock_filter rules[1 + 2 * COUNT(allowed) + COUNT(by_argument) + 1];
	struct sock_filter *next = rules;

	*next++ = (struct sock_filter)LOAD(nr);
	for (size_t i = 0; i < COUNT(allowed); i++) {
		*next++ = (struct sock_filter)IF_EQUAL(allowed[i], 0, 1);
		*next++ = (struct sock_filter)ALLOW;
	}
	for (size_t i = 0; i < COUNT(by_argument); i++)
		*next++ = by_argument[i];
	*next = (struct sock_filter)REFUSE;
	confine_filter(rules, COUNT(rules));
}
