// SPDX-License-Identifier: BSD-3-Clause

/*
 * One wrong call; the first argument names it. The library must report it in one
 * line on stderr and abort at this call. The program first prints the address that
 * the line must name. With --list: all names, each with the function and the
 * mistake that the line may name, as regular expressions.
 *
 * A case is a call and a function that makes the wrong pointer, usually from a
 * block of some size: each size stands for the blocks that are managed alike.
 */

#include "family.h"

#include <pthread.h>
#include <semaphore.h>
#include <sys/mman.h>

#define LARGE	200000	/* from here on a freed block may have left no trace */
#define THREADS	3
#define LINKED		4096	/* up to here a freed block holds a link */
#define MANY		1100	/* blocks of one size, more than there are free ones */
#define SOMETHING	((size_t)16)	/* the size where it does not matter */

#define DOUBLE		"double free"
#define INTERIOR	"interior pointer"
#define INVALID		"invalid pointer"
#define WRITTEN		"write after free"
#define GONE		DOUBLE "|" INVALID
#define ANY		DOUBLE "|" INTERIOR "|" INVALID

static const size_t sizes[] = {
	16, 40, 100, 500, 1500, 5000, 20000, 60000, 200000, 2000000, 20000000
};

/* Threads that wait for work: none begins or ends, which allocates, between the mistakes. */
struct worker {
	pthread_t thread;
	sem_t begin;
	sem_t done;
	void *(*job)(void *arg);
	void *arg;
	void *result;
};

static struct worker workers[THREADS];

static void *work(void *arg)
{
	struct worker *worker = arg;

	for (;;) {
		sem_wait(&worker->begin);
		if (!worker->job)
			return NULL;
		worker->result = worker->job(worker->arg);
		sem_post(&worker->done);
	}
}

static void start_workers(void)
{
	for (size_t i = 0; i < THREADS; i++) {
		CHECK(!sem_init(&workers[i].begin, 0, 0) && !sem_init(&workers[i].done, 0, 0));
		CHECK(pthread_create(&workers[i].thread, NULL, work, &workers[i]) == 0);
	}
}

static void *in_thread(size_t who, void *(*job)(void *arg), void *arg)
{
	workers[who].job = job;
	workers[who].arg = arg;
	sem_post(&workers[who].begin);
	sem_wait(&workers[who].done);
	return workers[who].result;
}

static void end_worker(size_t who)
{
	workers[who].job = NULL;
	sem_post(&workers[who].begin);
	CHECK(pthread_join(workers[who].thread, NULL) == 0);
}

static void *new_block(size_t size)
{
	void *block = malloc(size);

	CHECK_FOR(block, size);
	return hide(block);
}

static void *allocate_job(void *arg)
{
	return new_block(*(size_t *)arg);
}

static void *free_job(void *arg)
{
	free(arg);
	return NULL;
}

/* Make wrong pointers of blocks that no longer exist. */
static void *freed(size_t size)
{
	void *block = new_block(size);

	free(hide(block));
	return block;
}

/*
 * Long ago: blocks of other sizes have come and gone since. Larger ones, as its
 * memory could rightly be a smaller one's by now, and two neighbours keep their
 * places, so that it was not joined with more.
 */
static void *long_freed(size_t size)
{
	void *smaller = new_block(size / 2);
	void *before = new_block(size);
	void *block = new_block(size);
	void *after = new_block(size);
	void *larger = new_block(2 * size + 100);

	free(hide(block));
	free(larger);
	free(smaller);
	larger = new_block(3 * size + 100);
	new_block(4 * size + 1000);
	free(larger);
	CHECK(before != after);
	return block;
}

static void *freed_in_thread(size_t size)
{
	void *block = new_block(size);

	in_thread(0, free_job, block);
	return block;
}

/* Allocated by one thread and freed by another; a third one makes the wrong call. */
static void *foreign(size_t size)
{
	void *block = in_thread(0, allocate_job, &size);

	in_thread(1, free_job, block);
	return block;
}

/* The thread that allocated it has ended. */
static void *orphaned(size_t size)
{
	void *block = in_thread(0, allocate_job, &size);

	end_worker(0);
	in_thread(1, free_job, block);
	return block;
}

static void *moved(size_t size)
{
	void *old = new_block(size);
	void *next = new_block(size);
	void *block = old;

	for (size_t times = 2; block == old && times <= 16; times *= 2)
		block = hide(realloc(hide(block), size * times));
	CHECK(block && next);
	if (block == old)
		skip("realloc() never moves a block of this size");
	return old;
}

/* A block that was written to after it was freed: over the link to the next slot, or behind it. */
static void *written_first(size_t size)
{
	uintptr_t *block = freed(size);

	*(uintptr_t *)hide(block) ^= GRAIN;
	return block;
}

static void *written_second(size_t size)
{
	uintptr_t *block = freed(size);

	((uintptr_t *)hide(block))[1]++;
	return block;
}

/* It then looks live and can be freed again, but it cannot be allocated twice. */
static void *written_and_freed(size_t size)
{
	void *neighbour = new_block(size);
	uintptr_t *block = freed(size);

	((uintptr_t *)hide(block))[1] = 1;
	CHECK(neighbour != block);
	free(hide(block));
	return block;
}

static void *written_in_thread(size_t size)
{
	uintptr_t *block = freed_in_thread(size);

	*(uintptr_t *)hide(block) = 1;
	return block;
}

/* Wrong pointers into live blocks. */
static void *plus_1(size_t size)
{
	return (char *)new_block(size) + 1;
}

static void *plus_8(size_t size)
{
	return (char *)new_block(size) + 8;
}

static void *plus_16(size_t size)
{
	return (char *)new_block(size) + 16;
}

/* Aligned like the start of a block. */
static void *middle(size_t size)
{
	return (char *)new_block(size) + size / 2 / GRAIN * GRAIN;
}

static void *last_byte(size_t size)
{
	return (char *)new_block(size) + size - 1;
}

/* No live block is there: the program has no other one of that size. */
static void *one_past(size_t size)
{
	char *block = new_block(size);

	if (!HAS_STATIC_ATFORK && malloc_usable_size(block) > LARGE)
		skip("a block of the C library's may lie there");
	return block + malloc_usable_size(block);
}

/*
 * Pointers that the family never returned, some bytes or MiB into something.
 * In all cases except one, the program has used the family before.
 */
static char global[64] __attribute__((aligned(16)));

static void *unused_global(size_t offset)
{
	return hide(global + offset);
}

static void *used_global(size_t offset)
{
	new_block(100);
	return hide(global + offset);
}

static void *stack(size_t offset)
{
	char local[64] __attribute__((aligned(16)));

	new_block(100);
	return hide(local + offset);
}

static void *null_page(size_t offset)
{
	new_block(100);
	return hide((void *)offset);
}

static void *last_address(size_t offset)
{
	new_block(100);
	return hide((void *)(UINTPTR_MAX & ~(offset - 1)));
}

static void *map(size_t length)
{
	void *area = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(area != MAP_FAILED);
	return area;
}

static void *mapping(size_t mib)
{
	new_block(100);
	return map(mib * MIB);
}

static void *in_mapping(size_t mib)
{
	new_block(100);
	return (char *)map(2 * mib * MIB) + mib * MIB;
}

static void *unmapped(size_t mib)
{
	char *area;

	new_block(100);
	area = map(2 * mib * MIB);
	CHECK(munmap(area, 2 * mib * MIB) == 0);
	return area + mib * MIB;
}

static void call_free(void *ptr)
{
	free(ptr);
}

static void call_realloc(void *ptr)
{
	hide(realloc(ptr, 100));
}

static void call_realloc_to_nothing(void *ptr)
{
	hide(realloc(ptr, hide_size(0)));
}

static void call_reallocarray(void *ptr)
{
	hide(reallocarray(ptr, 10, 100000));
}

static void call_usable_size(void *ptr)
{
	hide_size(malloc_usable_size(ptr));
}

static void call_free_in_thread(void *ptr)
{
	in_thread(2, free_job, ptr);
}

static void call_cfree(void *ptr)
{
	void (*function)(void *ptr);

	find("cfree", &function);
	function(ptr);
}

static void call_free_sized(void *ptr)
{
	void (*function)(void *ptr, size_t size);

	find("free_sized", &function);
	function(ptr, SOMETHING);
}

static void call_free_aligned_sized(void *ptr)
{
	void (*function)(void *ptr, size_t alignment, size_t size);

	find("free_aligned_sized", &function);
	function(ptr, GRAIN, SOMETHING);
}

/* Allocates until the block is used again, with each of the smaller sizes. */
static void call_malloc(void *ptr)
{
	CHECK(ptr);
	for (size_t i = 0; sizes[i] <= LINKED; i++)
		for (size_t blocks = 0; blocks < MANY; blocks++)
			new_block(sizes[i]);
}

enum call_number {
	FREE, REALLOC, REALLOCARRAY, USABLE, THREAD, CFREE, SIZED, ALIGNED, MALLOC, NOTHING, CALLS
};

static const struct {
	const char *name;
	const char *functions;
	void (*call)(void *ptr);
} calls[CALLS] = {
	[FREE] = { "free", "free", call_free },
	[REALLOC] = { "realloc", "realloc", call_realloc },
	[REALLOCARRAY] = { "reallocarray", "realloc|reallocarray", call_reallocarray },
	[USABLE] = { "usable-size", "malloc_usable_size", call_usable_size },
	[THREAD] = { "thread-free", "free", call_free_in_thread },
	[CFREE] = { "cfree", "free|cfree", call_cfree },
	[SIZED] = { "free-sized", "free|free_sized", call_free_sized },
	[ALIGNED] = { "free-aligned-sized", "free|free_aligned_sized", call_free_aligned_sized },
	[MALLOC] = { "malloc", "malloc", call_malloc },
	[NOTHING] = { "realloc-to-nothing", "realloc", call_realloc_to_nothing },
};

#define BIT(call)	(1u << (call))
#define MAIN_CALLS	(BIT(FREE) | BIT(REALLOC) | BIT(USABLE))
#define OTHER_FREES	(BIT(CFREE) | BIT(SIZED) | BIT(ALIGNED))
#define ALL_CALLS	(BIT(MALLOC) - 1)
#define ANY_SIZE	SIZE_MAX

static const struct maker {
	const char *name;
	void *(*make)(size_t size);
	const char *what;
	unsigned int calls;
	size_t above;	/* only with sizes larger than this, or ANY_SIZE: once, with SOMETHING */
	bool threads;
} makers[] = {
	{ "freed", freed, DOUBLE, MAIN_CALLS | BIT(THREAD), 0, false },
	{ "freed", freed, DOUBLE, OTHER_FREES | BIT(REALLOCARRAY) | BIT(NOTHING), ANY_SIZE,
	  false },
	{ "long-freed", long_freed, DOUBLE, BIT(FREE), 0, false },
	{ "freed-and-written", written_first, DOUBLE, BIT(FREE) | BIT(THREAD), 0, false },
	{ "freed-in-thread", freed_in_thread, DOUBLE, BIT(FREE) | BIT(THREAD), 0, true },
	{ "foreign", foreign, DOUBLE, BIT(FREE) | BIT(THREAD), 0, true },
	{ "orphaned", orphaned, DOUBLE, BIT(THREAD), 0, true },
	{ "moved", moved, DOUBLE, BIT(FREE) | BIT(REALLOC), 0, false },
	{ "written-first", written_first, WRITTEN, BIT(MALLOC), 0, false },
	{ "written-second", written_second, WRITTEN, BIT(MALLOC), 0, false },
	{ "written-and-freed", written_and_freed, WRITTEN, BIT(MALLOC), 0, false },
	{ "written-in-thread", written_in_thread, WRITTEN, BIT(MALLOC), 0, true },
	{ "plus-1", plus_1, INTERIOR, BIT(FREE), 0, false },
	{ "plus-8", plus_8, INTERIOR, MAIN_CALLS, 8, false },
	{ "plus-16", plus_16, INTERIOR, BIT(FREE) | BIT(THREAD), 16, false },
	{ "middle", middle, INTERIOR, BIT(FREE) | BIT(REALLOC), 40, false },
	{ "last-byte", last_byte, INTERIOR, BIT(FREE), 0, false },
	{ "one-past", one_past, ANY, BIT(FREE), 0, false },
	{ "unused-global", unused_global, INVALID, MAIN_CALLS, ANY_SIZE, false },
	{ "global", used_global, INVALID, ALL_CALLS, ANY_SIZE, false },
	{ "stack", stack, INVALID, MAIN_CALLS | BIT(THREAD), ANY_SIZE, false },
	{ "null-page", null_page, INVALID, MAIN_CALLS | BIT(THREAD), ANY_SIZE, false },
	{ "last-address", last_address, INVALID, MAIN_CALLS | BIT(THREAD), ANY_SIZE, false },
	{ "mapping", mapping, INVALID, MAIN_CALLS | BIT(THREAD), ANY_SIZE, false },
	{ "in-mapping", in_mapping, INVALID, MAIN_CALLS | BIT(THREAD), ANY_SIZE, false },
	{ "unmapped", unmapped, INVALID, MAIN_CALLS | BIT(THREAD), ANY_SIZE, false },
};

/* Makes the wrong call, and does not return. */
_Noreturn static void misuse(enum call_number call, const struct maker *maker, size_t size)
{
	static const struct rlimit no_core;
	char line[40];
	void *ptr;

	watchdog();
	CHECK(setrlimit(RLIMIT_CORE, &no_core) == 0);
	if (maker->threads || call == THREAD)
		start_workers();
	ptr = hide(maker->make(size));
	snprintf(line, sizeof(line), "%p\n", ptr);
	CHECK(write(STDOUT_FILENO, line, strlen(line)) > 0);
	calls[call].call(ptr);
	/* Neither success nor what CHECK() and skip() return. */
	_exit(3);
}

/* Resizing a freed block, or asking for its size, is no double free: two words are right. */
static void list(const char *name, enum call_number call, const struct maker *maker, size_t size)
{
	bool frees = call != REALLOC && call != REALLOCARRAY && call != USABLE;
	bool vague = !strcmp(maker->what, DOUBLE) && (size >= LARGE || !frees);

	printf("%s\t%s\t%s\n", name, calls[call].functions, vague ? GONE : maker->what);
}

/* Lists a case or, if it is the one that was asked for, runs it. */
static void handle(const char *wanted, enum call_number call, const struct maker *maker,
		   size_t size)
{
	char name[80];
	int length;

	length = snprintf(name, sizeof(name), "%s-%s", calls[call].name, maker->name);
	if (maker->above != ANY_SIZE)
		snprintf(name + length, sizeof(name) - (size_t)length, "-%zu", size);
	if (!wanted)
		list(name, call, maker, size);
	else if (!strcmp(name, wanted))
		misuse(call, maker, size);
}

static void handle_sizes(const char *wanted, enum call_number call, const struct maker *maker)
{
	if (!(maker->calls & BIT(call)))
		return;
	if (maker->above == ANY_SIZE)
		handle(wanted, call, maker, SOMETHING);
	for (size_t i = 0; i < LENGTH(sizes); i++)
		if (sizes[i] > maker->above && (call != MALLOC || sizes[i] <= LINKED))
			handle(wanted, call, maker, sizes[i]);
}

int main(int argc, char **argv)
{
	const char *wanted = argc == 2 && strcmp(argv[1], "--list") ? argv[1] : NULL;

	if (argc != 2) {
		fprintf(stderr, "usage: misuse --list | NAME\n");
		return 2;
	}
	for (enum call_number call = 0; call < CALLS; call++)
		for (size_t i = 0; i < LENGTH(makers); i++)
			handle_sizes(wanted, call, &makers[i]);
	if (!wanted)
		return 0;
	fprintf(stderr, "misuse: no case %s; misuse --list names them\n", wanted);
	return 2;
}
