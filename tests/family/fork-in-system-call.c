// SPDX-License-Identifier: BSD-3-Clause

/*
 * As fork-in-signal.c, but at fixed places: the signal arrives while the allocator makes
 * a system call, in the middle of a change. The child cannot use what is half done. It can
 * free blocks that were allocated before, and their memory must return to the kernel, as
 * must the memory of blocks that the child allocates and frees itself.
 *
 * Some children do so in the handler, some after they returned from it, and some allocate
 * in the handler and free these blocks after they returned.
 *
 * Some fork while there is a second thread. Then the interrupted call holds a lock, and the fork
 * must not wait for it.
 */

#include "family.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#define LARGE_COUNT	250
#define LARGE		(200 * KIB)
#define SMALL_COUNT	7000
#define SMALL		((size_t)3000)
#define MAPPING		(9 * MIB)
#define RECENT_MOST	30000

enum call { NONE, MMAP, MUNMAP, MADVISE };
enum mode { IN_HANDLER, RETURNED, BOTH, MODES };

static unsigned char *large[LARGE_COUNT], *small[SMALL_COUNT], *more[LARGE_COUNT];
static unsigned char *recent[RECENT_MOST];
static size_t recent_count;	/* allocated before a call was interrupted */
static size_t recent_size;
static size_t stays_most;	/* bytes resident without all these, and some more */
static atomic_int armed;	/* the next call that is interrupted */
static atomic_bool is_child;
static enum mode mode;
static bool with_thread;

static void reach(enum call call)
{
	if (armed != (int)call)
		return;
	armed = NONE;
	raise(SIGUSR1);
}

/* The allocator calls these in place of the C library's. */

void *mmap(void *start, size_t length, int prot, int flags, int fd, off_t offset)
{
	reach(MMAP);
	return (void *)syscall(SYS_mmap, start, length, prot, flags, fd, offset);
}

int munmap(void *start, size_t length)
{
	reach(MUNMAP);
	return (int)syscall(SYS_munmap, start, length);
}

int madvise(void *start, size_t length, int advice)
{
	reach(MADVISE);
	return (int)syscall(SYS_madvise, start, length, advice);
}

static void make(unsigned char **blocks, size_t count, size_t size)
{
	for (size_t i = 0; i < count; i++) {
		blocks[i] = malloc(size);
		CHECK_FOR(blocks[i], i);
		fill(blocks[i], size, size);
	}
}

static void drop(unsigned char **blocks, size_t count, size_t size)
{
	for (size_t i = 0; i < count; i++) {
		CHECK_FOR(holds(blocks[i], size, size), i);
		free(blocks[i]);
	}
}

/* No count has become negative. */
static void check_numbers(void)
{
	struct mallinfo2 info = mallinfo2();

	CHECK_FOR(info.arena < GIB, info.arena);
	CHECK_FOR(info.keepcost <= info.arena, info.keepcost);
}

/* The parent's blocks, then the child's own. */
static void check_gives_back(void)
{
	large[0] = realloc(realloc(large[0], LARGE + 20000), LARGE);
	drop(large, LARGE_COUNT, LARGE);
	drop(small, SMALL_COUNT, SMALL);
	drop(recent, recent_count, recent_size);
	CHECK(process_has(VM_RESIDENT) < stays_most);
	make(large, LARGE_COUNT, LARGE);
	make(small, SMALL_COUNT, SMALL);
	CHECK(process_has(VM_RESIDENT) > stays_most + 25 * MIB);
	drop(large, LARGE_COUNT, LARGE);
	drop(small, SMALL_COUNT, SMALL);
	malloc_trim(0);
	check_numbers();
	CHECK(process_has(VM_RESIDENT) < stays_most);
	_exit(0);
}

static void on_signal(int number)
{
	pid_t child = fork();
	int status;

	CHECK(child >= 0 && number == SIGUSR1);
	if (child) {
		CHECK(waitpid(child, &status, 0) == child);
		CHECK_FOR(status == 0, status);
		return;
	}
	watchdog();
	is_child = true;
	if (mode == IN_HANDLER)
		check_gives_back();
	if (mode == BOTH)
		make(more, LARGE_COUNT, SMALL);
}

/* Allocates and frees blocks of a size until such a call was interrupted. */
static void until(enum call call, size_t size, size_t count)
{
	recent_size = size;
	armed = call;
	while (armed) {
		for (; armed && recent_count < count; recent_count++)
			make(&recent[recent_count], 1, size);
		while (armed && recent_count) {
			recent_count--;
			drop(&recent[recent_count], 1, size);
		}
		if (armed)
			malloc_trim(0);
	}
}

static void *sleep_on(void *arg)
{
	for (;;)
		pause();
	return arg;
}

struct scene {
	enum call call;
	size_t size, count;
};

static void play(void *arg)
{
	const struct scene *scene = arg;
	pthread_t thread;

	if (with_thread)
		CHECK(pthread_create(&thread, NULL, sleep_on, NULL) == 0);
	until(scene->call, scene->size, scene->count);
	if (is_child && mode == BOTH)
		drop(more, LARGE_COUNT, SMALL);
	if (is_child)
		check_gives_back();
	drop(recent, recent_count, recent_size);
	drop(large, LARGE_COUNT, LARGE);
	drop(small, SMALL_COUNT, SMALL);
}

/* Memory that is free at the fork stays unused in the child, so there must be little of it. */
int main(void)
{
	static struct scene scenes[] = {
		{ MMAP, LARGE, RECENT_MOST }, { MMAP, SMALL, RECENT_MOST }, { MMAP, MAPPING, 1 },
		{ MUNMAP, MAPPING, 5 }, { MADVISE, SMALL, 1000 },
	};

	if (on_glibc())
		skip("the C library makes its system calls by names that cannot be replaced");
	CHECK(signal(SIGUSR1, on_signal) != SIG_ERR);
	stays_most = process_has(VM_RESIDENT) + 8 * MIB + 3 * MAPPING;
	make(large, LARGE_COUNT, LARGE);
	make(small, SMALL_COUNT, SMALL);
	for (mode = 0; mode < MODES; mode++)
		for (size_t i = 0; i < LENGTH(scenes); i++)
			in_child(play, &scenes[i]);
	mode = IN_HANDLER;
	with_thread = true;
	for (size_t i = 0; i < LENGTH(scenes); i++)
		in_child(play, &scenes[i]);
	return 0;
}
