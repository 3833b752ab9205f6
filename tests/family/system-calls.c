// SPDX-License-Identifier: BSD-3-Clause

/*
 * Threads that allocate make no other system calls than the six that an allocator needs. Their
 * number is counted in programs of one thread (tests/osmalloc), where it repeats exactly. Each
 * thread has the kernel refuse all other calls before it first allocates, and the process ends at
 * the first refused call.
 */

#include "family.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#define THREADS	4
#define ROUNDS	60000
#define TABLE	512
#define LARGE	(10 * MIB)

/* The refused call is reported here; nothing else writes to this descriptor. */
#define REPORT	200

#define LOAD(part) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, part))
#define IF_EQUAL(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), (yes), (no))
#define ANSWER(action) BPF_STMT(BPF_RET | BPF_K, (action))

static atomic_uintptr_t table[TABLE];
static atomic_bool failed;
static bool one_more;	/* a call that is refused */
static pthread_barrier_t together;

static void report(int signal, siginfo_t *info, void *context)
{
	char line[100];
	int length = snprintf(line, sizeof(line), "system call %d of an allocating thread\n",
			      info->si_syscall);

	(void)signal;
	(void)context;
	/* Not dprintf(), which calls lseek. */
	_exit(write(REPORT, line, (size_t)length) == length ? 1 : 2);
}

/*
 * Of the thread that calls it. exit_group and write are those of report(); the hardened build
 * makes guards with mprotect, to PROT_NONE.
 */
static void refuse_all_others(void)
{
	struct sock_filter rules[] = {
		LOAD(nr),
		IF_EQUAL(SYS_brk, 12, 0),
		IF_EQUAL(SYS_mmap, 11, 0),
		IF_EQUAL(SYS_munmap, 10, 0),
		IF_EQUAL(SYS_mremap, 9, 0),
		IF_EQUAL(SYS_madvise, 8, 0),
		IF_EQUAL(SYS_futex, 7, 0),
		IF_EQUAL(SYS_exit_group, 6, 0),
		IF_EQUAL(SYS_mprotect, 3, 0),
		IF_EQUAL(SYS_write, 0, 5),
		LOAD(args[0]),
		IF_EQUAL(REPORT, 2, 3),
		LOAD(args[2]),
		IF_EQUAL(PROT_NONE, 0, 1),
		ANSWER(SECCOMP_RET_ALLOW),
		ANSWER(SECCOMP_RET_TRAP),
	};
	struct sock_fprog program = { .len = LENGTH(rules), .filter = rules };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0)
		return;
	skip("the kernel takes no filter of system calls (seccomp)");
}

static size_t some_size(uint64_t *state)
{
	return next_random(state) % 1000 ? random_size(state) : LARGE;
}

/* Threads exchange blocks by the table, so that another thread frees half of them. */
static void *churn(void *arg)
{
	uint64_t state = (uintptr_t)arg;
	size_t place;

	refuse_all_others();
	for (size_t n = 0; n < ROUNDS; n++) {
		size_t size = some_size(&state);
		char *block = n % 3 ? malloc(size) : calloc(1, size);

		if (n % 5 == 0)
			block = realloc(block, size + some_size(&state));
		if (!block)
			failed = true;
		place = next_random(&state) % TABLE;
		free((void *)atomic_exchange(&table[place], (uintptr_t)block));
	}
	if (one_more && (uintptr_t)arg == 1)
		sched_yield();
	pthread_barrier_wait(&together);
	for (;;)
		pthread_barrier_wait(&together);
	return NULL;
}

/* With an argument it makes a forbidden call, so that a test can check the report. */
int main(int argc, char **argv)
{
	struct sigaction action = { .sa_sigaction = report, .sa_flags = SA_SIGINFO };
	pthread_t thread;

	(void)argv;
	one_more = argc > 1;
	CHECK(dup2(STDERR_FILENO, REPORT) == REPORT);
	CHECK(sigaction(SIGSYS, &action, NULL) == 0);
	CHECK(pthread_barrier_init(&together, NULL, THREADS + 1) == 0);
	for (uintptr_t n = 1; n <= THREADS; n++)
		CHECK(pthread_create(&thread, NULL, churn, (void *)n) == 0);
	pthread_barrier_wait(&together);
	CHECK(!failed);
	return 0;
}
