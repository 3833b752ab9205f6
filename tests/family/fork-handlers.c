// SPDX-License-Identifier: BSD-3-Clause

/*
 * Fork handlers that were registered before any constructor ran, more of them than the C library
 * has static room for. They allocate before and after the fork, while another thread allocates too.
 */

#include "family.h"

#include <pthread.h>
#include <stdatomic.h>

#define HANDLERS	60
#define FORKS		20

static atomic_bool busy;

static void allocate(void)
{
	free(hide(malloc(100)));
	free(hide(malloc(300000)));
}

static void before_constructors(int argc, char **argv, char **envp)
{
	CHECK(argc > 0 && argv && envp);
	for (int i = 0; i < HANDLERS; i++)
		CHECK(pthread_atfork(allocate, allocate, allocate) == 0);
}

__attribute__((section(".preinit_array"), used))
static void (*const first)(int argc, char **argv, char **envp) = before_constructors;

__attribute__((constructor)) static void construct(void)
{
	if (!HAS_PREINIT)
		before_constructors(1, environ, environ);
}

static void *keep_busy(void *arg)
{
	for (;;) {
		allocate();
		atomic_store(&busy, true);
	}
	return arg;
}

static void work(void *arg)
{
	CHECK(!arg);
	allocate();
}

int main(void)
{
	pthread_t thread;

	watchdog();
	CHECK(pthread_create(&thread, NULL, keep_busy, NULL) == 0);
	while (!atomic_load(&busy))
		usleep(1000);
	for (int i = 0; i < FORKS; i++)
		in_child(work, NULL);
	return 0;
}
