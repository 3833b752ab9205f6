// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz.h"

#include <pthread.h>
#include <semaphore.h>

/* A thread that waits for work and does it while the main thread waits. */
static struct helper {
	pthread_t thread;
	bool there;
	sem_t begin, done;
	void (*work)(void *arg);	/* NULL: end */
	void *arg;
} helpers[HELPERS];

static void await(sem_t *semaphore)
{
	while (sem_wait(semaphore))
		;
}

static void *live_and_help(void *arg)
{
	struct helper *helper = arg;

	for (;;) {
		await(&helper->begin);
		if (!helper->work)
			return NULL;
		helper->work(helper->arg);
		sem_post(&helper->done);
	}
}

static void start(struct helper *helper)
{
	sem_init(&helper->begin, 0, 0);
	sem_init(&helper->done, 0, 0);
	if (pthread_create(&helper->thread, NULL, live_and_help, helper))
		complain("cannot start a thread", NULL);
	helper->there = true;
}

void helper_do(unsigned int helper, void (*work)(void *arg), void *arg)
{
	struct helper *chosen = &helpers[helper];

	if (!chosen->there)
		start(chosen);
	chosen->work = work;
	chosen->arg = arg;
	sem_post(&chosen->begin);
	await(&chosen->done);
}

void helper_end(unsigned int helper)
{
	struct helper *chosen = &helpers[helper];

	if (!chosen->there)
		return;
	chosen->work = NULL;
	sem_post(&chosen->begin);
	pthread_join(chosen->thread, NULL);
	sem_destroy(&chosen->begin);
	sem_destroy(&chosen->done);
	chosen->there = false;
}
