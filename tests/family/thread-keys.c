// SPDX-License-Identifier: BSD-3-Clause

/*
 * The program uses up all thread keys before it first allocates. No value of its keys changes, its
 * destructors see only its own values, and later threads use the memory of ended ones.
 */

#include "family.h"

#include <pthread.h>

#define THREADS	400

static int mine;

static void destroy(void *value)
{
	CHECK(value == &mine);
}

static void *allocate(void *arg)
{
	void *block = malloc(10000);

	CHECK(block);
	memset(block, 1, 10000);
	free(block);
	return arg;
}

static void threads(void)
{
	pthread_t thread;

	for (int i = 0; i < THREADS; i++) {
		CHECK_FOR(pthread_create(&thread, NULL, allocate, NULL) == 0, i);
		CHECK_FOR(pthread_join(thread, NULL) == 0, i);
	}
}

/* The preinit array runs before any other code allocates. */
static void take_keys(int argc, char **argv, char **envp)
{
	pthread_key_t key;
	pthread_key_t first;

	CHECK(argc > 0 && argv && envp);
	CHECK(pthread_key_create(&first, destroy) == 0);
	while (pthread_key_create(&key, destroy) == 0)
		;
	CHECK(pthread_setspecific(first, &mine) == 0);
	allocate(NULL);
	CHECK(pthread_getspecific(first) == &mine);
}

__attribute__((section(".preinit_array"), used))
static void (*const early)(int argc, char **argv, char **envp) = take_keys;

int main(void)
{
	size_t before;

	watchdog();
	threads();
	before = process_has(VM_DATA);
	threads();
	CHECK_FOR(process_has(VM_DATA) - before < MIB, process_has(VM_DATA) - before);
	return 0;
}
