// SPDX-License-Identifier: BSD-3-Clause

/*
 * Very early and very late calls: the first comes from the preinit array, before
 * any constructor, even the library's; the last come from atexit() handlers and an
 * ELF destructor, while another thread still allocates. Blocks of each stage stay
 * live until the last stage.
 */

#include "family.h"

#include <pthread.h>
#include <stdatomic.h>

#define BLOCKS	40

struct stage {
	void *blocks[BLOCKS];
	size_t sizes[BLOCKS];
};

static struct stage preinit, constructed, in_main, at_exit;
static atomic_bool busy;
static int handlers;

static void enter(struct stage *stage, uint64_t state)
{
	for (size_t i = 0; i < BLOCKS; i++) {
		stage->sizes[i] = random_size(&state) * (i == 7 ? 10 : 1);
		stage->blocks[i] = i % 3 ? malloc(stage->sizes[i]) : calloc(1, stage->sizes[i]);
		CHECK_FOR(stage->blocks[i], stage->sizes[i]);
		CHECK_FOR(i % 3 || all_zero(stage->blocks[i], stage->sizes[i]), stage->sizes[i]);
		fill(stage->blocks[i], stage->sizes[i], i);
	}
}

/* Frees the blocks from this one on, and keeps those before it. */
static void leave(struct stage *stage, size_t from)
{
	for (size_t i = 0; i < BLOCKS; i++) {
		if (!stage->blocks[i])
			continue;
		CHECK_FOR(holds(stage->blocks[i], stage->sizes[i], i), stage->sizes[i]);
		if (i >= from) {
			free(stage->blocks[i]);
			stage->blocks[i] = NULL;
		}
	}
}

static void churn(uint64_t state)
{
	struct stage stage;

	enter(&stage, state);
	for (size_t i = 0; i < BLOCKS; i++) {
		stage.blocks[i] = realloc(stage.blocks[i], stage.sizes[i] + 300);
		CHECK_FOR(stage.blocks[i], stage.sizes[i]);
	}
	leave(&stage, 0);
}

static void before_constructors(int argc, char **argv, char **envp)
{
	CHECK(argc > 0 && argv && envp);
	watchdog();
	enter(&preinit, 1);
	churn(2);
}

__attribute__((section(".preinit_array"), used))
static void (*const first)(int argc, char **argv, char **envp) = before_constructors;

__attribute__((constructor)) static void construct(void)
{
	if (!HAS_PREINIT)
		before_constructors(1, environ, environ);
	CHECK(preinit.blocks[0]);
	leave(&preinit, BLOCKS * 3 / 4);
	enter(&constructed, 3);
}

static void *keep_busy(void *arg)
{
	for (uint64_t state = 1; ; state++) {
		churn(state);
		atomic_store(&busy, 1);
	}
	return arg;
}

/* They run in the reverse order; each allocates what the next one frees. */
static void handler(void)
{
	leave(&preinit, BLOCKS / 2);
	leave(&at_exit, 0);
	enter(&at_exit, 5);
	churn(6);
	handlers++;
}

__attribute__((destructor)) static void destruct(void)
{
	CHECK(handlers == 3);
	leave(&preinit, 0);
	leave(&constructed, BLOCKS / 2);
	leave(&in_main, 0);
	leave(&at_exit, 0);
	enter(&at_exit, 7);
	churn(8);
	leave(&at_exit, 1);
	errno = UNTOUCHED;
	free(malloc(5));
	CHECK(errno == UNTOUCHED);
}

int main(void)
{
	pthread_t thread;

	for (int i = 0; i < 3; i++)
		CHECK(atexit(handler) == 0);
	enter(&in_main, 4);
	leave(&constructed, BLOCKS * 3 / 4);
	CHECK(pthread_create(&thread, NULL, keep_busy, NULL) == 0);
	CHECK(pthread_detach(thread) == 0);
	while (!atomic_load(&busy))
		usleep(1000);
	return 0;
}
