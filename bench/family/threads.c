// SPDX-License-Identifier: BSD-3-Clause
/* Threads that allocate, free each other's blocks, start and end. */

#include "work.h"

#include <pthread.h>
#include <string.h>

#define BATCH		4096	/* blocks handed over at once, so that this costs little */
#define BOX_MOST	4	/* the most batches that wait */
#define RING		4
#define ALIVE		4	/* threads at a time where they come and go */
#define VISIT_BLOCKS	64
#define IDLE_THREADS	16
#define SLEEPER_BYTES	(16 * MIB)
#define CROWD		100
#define CROWD_LIVE	100
#define SERVER_LIVE	1000

/* A box passes chains of blocks from one thread to another; a thread that waits sleeps. */
struct box {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct link *chains[BOX_MOST];
	size_t count;
};

static void box_init(struct box *box)
{
	pthread_mutex_init(&box->lock, NULL);
	pthread_cond_init(&box->changed, NULL);
	box->count = 0;
}

static void box_put(struct box *box, struct link *chain)
{
	pthread_mutex_lock(&box->lock);
	while (box->count == BOX_MOST)
		pthread_cond_wait(&box->changed, &box->lock);
	box->chains[box->count++] = chain;
	pthread_cond_signal(&box->changed);
	pthread_mutex_unlock(&box->lock);
}

/* The oldest chain. */
static struct link *box_get(struct box *box)
{
	struct link *chain;

	pthread_mutex_lock(&box->lock);
	while (!box->count)
		pthread_cond_wait(&box->changed, &box->lock);
	chain = box->chains[0];
	box->count--;
	memmove(box->chains, box->chains + 1, box->count * sizeof(box->chains[0]));
	pthread_cond_signal(&box->changed);
	pthread_mutex_unlock(&box->lock);
	return chain;
}

/* A batch of blocks; only their first words are written. */
static struct link *batch(struct work *work, size_t least, size_t most)
{
	struct link *chain = NULL;

	for (size_t i = 0; i < BATCH; i++) {
		struct link *link = take(work, random_between(&work->random, least, most));

		link->next = chain;
		chain = link;
	}
	return chain;
}

/* handover: one thread allocates everything, another one frees everything */

static void hand_over(struct part *part)
{
	for (size_t batches = scaled(&part->work, 1500); batches; batches--)
		if (part->number == 0)
			box_put(part->shared, batch(&part->work, 16, 512));
		else
			chain_give(&part->work, box_get(part->shared));
}

static void handover(struct work *work)
{
	static struct box box;

	box_init(&box);
	in_parallel(work, 2, hand_over, &box);
}

/* ring: four threads, each frees what its neighbour on the left has allocated */

static void pass_on(struct part *part)
{
	struct box *boxes = part->shared;
	struct box *right = &boxes[(part->number + 1) % RING];

	for (size_t batches = scaled(&part->work, 300); batches; batches--) {
		box_put(right, batch(&part->work, 16, KIB));
		chain_give(&part->work, box_get(&boxes[part->number]));
	}
}

static void ring(struct work *work)
{
	static struct box boxes[RING];

	for (size_t i = 0; i < RING; i++)
		box_init(&boxes[i]);
	in_parallel(work, RING, pass_on, boxes);
}

/* thread-churn: threads start, allocate 64 blocks, free half of them, end; others free the rest */

struct visit {
	pthread_t id;
	struct work work;
	void *blocks[VISIT_BLOCKS];
};

static void *visit_run(void *own)
{
	struct visit *visit = own;

	for (size_t i = 0; i < VISIT_BLOCKS; i++)
		replace(&visit->work, &visit->blocks[i],
			random_between(&visit->work.random, 16, KIB));
	give_all(&visit->work, visit->blocks, VISIT_BLOCKS / 2);
	return NULL;
}

static void visit_end(struct work *work, struct visit *visit)
{
	pthread_join(visit->id, NULL);
	work_add(work, &visit->work);
	give_all(work, visit->blocks, VISIT_BLOCKS);
}

static void thread_churn(struct work *work)
{
	static struct visit alive[ALIVE];
	size_t count = scaled(work, 12000);

	for (size_t i = 0; i < count + ALIVE; i++) {
		struct visit *visit = &alive[i % ALIVE];

		if (i >= ALIVE && i - ALIVE < count)
			visit_end(work, visit);
		if (i >= count)
			continue;
		visit->work = (struct work){ .random = random_next(&work->random) };
		if (pthread_create(&visit->id, NULL, visit_run, visit))
			complain("no further thread");
	}
}

/*
 * idle-threads: a thread allocates 16 MiB, hands them over and sleeps for ever; they
 * are freed, and the next thread starts.
 */

static void *sleeper_run(void *own)
{
	struct part *part = own;
	size_t bytes = scaled(&part->work, SLEEPER_BYTES);
	struct link *chain = NULL;
	static struct box never;

	while (part->work.asked < bytes)
		chain = chain_add(&part->work, chain, 64, 512);
	box_put(part->shared, chain);
	box_get(&never);
	return NULL;
}

static void idle_threads(struct work *work)
{
	static struct part parts[IDLE_THREADS];
	static struct box box;
	pthread_t id;

	box_init(&box);
	for (size_t i = 0; i < IDLE_THREADS; i++) {
		parts[i].shared = &box;
		parts[i].work.scale = work->scale;
		parts[i].work.random = random_next(&work->random);
		if (pthread_create(&id, NULL, sleeper_run, &parts[i]))
			complain("no further thread");
		chain_give(work, box_get(&box));
		work_add(work, &parts[i].work);
	}
}

/* crowd: a hundred threads, each with a hundred blocks that it replaces at random */

static void churn(struct work *work, void **slots, size_t live, size_t steps)
{
	while (steps--)
		replace(work, &slots[random_below(&work->random, live)],
			random_between(&work->random, 16, KIB));
}

/* The first thread begins when all have started; none ends before the last one is done. */
static void crowd_run(struct part *part)
{
	void *slots[CROWD_LIVE] = { NULL };

	pthread_barrier_wait(part->shared);
	churn(&part->work, slots, CROWD_LIVE, scaled(&part->work, 100000));
	pthread_barrier_wait(part->shared);
	give_all(&part->work, slots, CROWD_LIVE);
}

static void crowd(struct work *work)
{
	static pthread_barrier_t everybody;

	pthread_barrier_init(&everybody, NULL, CROWD);
	in_parallel(work, CROWD, crowd_run, &everybody);
}

/*
 * server: two threads serve, each replaces blocks of a thousand connections;
 * after a while each ends and its connections go to a new thread.
 */

static void server_run(struct part *part)
{
	void **slots = part->shared;

	churn(&part->work, slots + part->number * SERVER_LIVE, SERVER_LIVE, 20000);
}

static void server(struct work *work)
{
	void **slots = table(2 * SERVER_LIVE * sizeof(*slots));

	for (size_t shifts = scaled(work, 150); shifts; shifts--)
		in_parallel(work, 2, server_run, slots);
	give_all(work, slots, 2 * SERVER_LIVE);
}

const struct workload thread_workloads[] = {
	{ .name = "handover", .run = handover, .threads = true },
	{ .name = "ring", .run = ring, .threads = true },
	{ .name = "thread-churn", .run = thread_churn, .threads = true },
	{ .name = "idle-threads", .run = idle_threads, .threads = true },
	{ .name = "crowd", .run = crowd, .threads = true },
	{ .name = "server", .run = server, .threads = true },
	{ .name = NULL },
};
