// SPDX-License-Identifier: BSD-3-Clause

/*
 * Operations in a child: life after fork(), and misuse, which must end the child.
 */

#include "fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define TRIES		10	/* to fork, this many microseconds apart: */
#define PAUSE		100000
#define FORKS_MOST	3	/* by one input: each costs as much as a thousand operations */

static unsigned int forks;
static void *freed;		/* the last block that was freed */

void misuse_remember(void *ptr)
{
	freed = ptr;
}

void process_reset(void)
{
	forks = 0;
	freed = NULL;
}

/*
 * A failing fork() is not the allocator's fault: the machine may have no process left, or this
 * one may have too much mapped, because memory that refuse() kept it from unmapping stays. Then
 * there is no child.
 */
static pid_t fork_in_time(void)
{
	pid_t child = fork();

	for (int tries = 0; child < 0 && tries < TRIES; tries++) {
		usleep(PAUSE);
		child = fork();
	}
	return child;
}

static int status_of(pid_t child)
{
	int status;

	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			complain("lost a child", NULL);
	return status;
}

/* The child verifies, resizes and frees all blocks, and allocates others. */
static void live_on(void)
{
	signal(SIGABRT, SIG_DFL);
	refuse(0, 0);
	shadow_verify_all();
	for (size_t i = 0; i < 100 && has_room(); i++)
		shadow_add(family->malloc(1 + i * 97), 1 + i * 97, family->grain, false);
	while (live_count()) {
		struct block *block = live_block(0);

		shadow_verify(block, SIZE_MAX);
		family->free(block->ptr);
		shadow_remove(block);
	}
	if (family->check())
		complain(family->check(), NULL);
	_exit(0);
}

static void do_fork(void)
{
	pid_t child;

	snprintf(context, sizeof(context), "fork()");
	child = fork_in_time();
	if (child == 0)
		live_on();
	if (child > 0 && status_of(child))
		complain("the child failed, see above", NULL);
}

/* A pointer that must not be freed; NULL: there is none. */
static void *wrong_pointer(const struct operation *operation)
{
	struct block *block = live_count() ? live_block(operation->which) : NULL;

	switch (operation->extra % 5) {
	case 0:
		return freed && !shadow_covers(freed) ? freed : NULL;
	case 1:
		return block && block->usable > 1 ?
			block->ptr + 1 + operation->amount % (block->usable - 1) : NULL;
	case 2:
		return &forks;
	case 3:
		return __builtin_frame_address(0);
	default:
		return (void *)(uintptr_t)(operation->amount * 0x100000001UL + 1);
	}
}

static void misuse(void *ptr, bool twice)
{
	const struct rlimit none = { 0, 0 };

	setrlimit(RLIMIT_CORE, &none);
	signal(SIGABRT, SIG_DFL);
	dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDERR_FILENO);
	refuse(0, 0);
	family->free(ptr);
	if (twice)
		family->free(ptr);
	_exit(0);
}

static void do_misuse(const struct operation *operation)
{
	bool twice = operation->extra % 8 == 7 && live_count();
	void *ptr = twice ? live_block(operation->which)->ptr : wrong_pointer(operation);
	pid_t child;
	int status;

	if (!ptr)
		return;
	snprintf(context, sizeof(context), "free(%p), which must abort (%u)", ptr,
		 operation->extra % 8 == 7 ? 7 : operation->extra % 5);
	child = fork_in_time();
	if (child == 0)
		misuse(ptr, twice);
	if (child < 0)
		return;
	status = status_of(child);
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT)
		complain("misuse not noticed", ptr);
}

void process_act(const struct operation *operation)
{
	unsigned int code = operation->code % CODES;

	if ((code != FORK && code != MISUSE) || forks == FORKS_MOST)
		return;
	forks++;
	if (code == FORK)
		do_fork();
	else
		do_misuse(operation);
}
