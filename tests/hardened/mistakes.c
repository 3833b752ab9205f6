// SPDX-License-Identifier: BSD-3-Clause

/*
 * Mistakes that the hardened build detects and the default build does not:
 * `mistakes NAME SIZE` makes one with a block of SIZE bytes and continues until it
 * must be detected. Exit status 0: it was not. stdout has the block's address.
 *
 * The other names test what the build hides and changes; their status is 1 if it
 * does not. Compile without optimisation: the behaviour is undefined.
 */

#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define ROUNDS	2000	/* blocks after which a freed one was surely used again */
#define FAR	(20 * 1024)	/* more than the rounding of a large block */
#define BEHIND	(1024 * 1024)	/* farther from a small block than any slab reaches */
#define ZEROED	(8 * 1024)	/* the most bytes of a freed slot that are zeroed */
#define EMPTY	1000		/* blocks of 0 bytes */

static unsigned char *block;
static size_t usable;

/* A free() that hides from the compiler that block is freed. */
static __attribute__((noinline)) void release(void *ptr)
{
	free(ptr);
}

static void reuse(size_t size)
{
	for (int i = 0; i < ROUNDS; i++)
		free(malloc(size));
}

static int past_the_end_by_one(size_t size)
{
	(void)size;
	block[usable] = 0;
	release(block);
	return 0;
}

static int past_the_end_by_eight(size_t size)
{
	(void)size;
	memset(block + usable, 0x41, 8);
	release(block);
	return 0;
}

static int past_the_end_by_forty(size_t size)
{
	(void)size;
	block[usable + 39] ^= 1;
	release(block);
	return 0;
}

static int past_the_end_then_realloc(size_t size)
{
	block[usable] = 0;
	free(realloc(block, 10 * size));
	return 0;
}

/* The byte belongs to the slot in front. */
static int before_the_start(size_t size)
{
	(void)size;
	block[-1] ^= 1;
	release(block);
	return 0;
}

/* Mistakes that no later free() or malloc() looks at. */
static int past_the_end_until_exit(size_t size)
{
	(void)size;
	block[usable] = 0;
	return 0;
}

static int write_after_free_until_exit(size_t size)
{
	(void)size;
	release(block);
	block[usable / 2 < 200 ? usable / 2 : 200] = 1;
	return 0;
}

static int far_past_the_end(size_t size)
{
	(void)size;
	block[usable + FAR] = 1;
	return 0;
}

/* Memory between slabs cannot be touched before it is used. */
static int far_behind(size_t size)
{
	(void)size;
	block[BEHIND] = 1;
	return 0;
}

/* A variable, since gcc 14 warns of malloc(0). */
static size_t nothing;

/* The compiler does not see what is read. */
static __attribute__((noinline)) int first_byte(char *bytes)
{
	return *bytes;
}

static int read_of_no_bytes(size_t size)
{
	(void)size;
	return first_byte(malloc(nothing));
}

static int write_of_no_bytes(size_t size)
{
	(void)size;
	*(char *)malloc(nothing) = 1;
	return 0;
}

/* Apart from that, blocks of 0 bytes are like any others. */
static int no_bytes(size_t size)
{
	static unsigned char *empty[EMPTY];

	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < EMPTY; i++) {
			empty[i] = malloc(nothing);
			if (!empty[i] || (uintptr_t)empty[i] % 16 || malloc_usable_size(empty[i]) ||
			    (i && empty[i] == empty[i - 1]))
				return 1;
		}
		for (size_t i = 0; i < EMPTY; i += 2) {
			empty[i] = realloc(empty[i], size);
			memset(empty[i], 1, size);
		}
		for (size_t i = 0; i < EMPTY; i++)
			free(empty[i]);
	}
	return 0;
}

static int write_to_the_end_after_free(size_t size)
{
	release(block);
	block[usable - 1] = 1;
	reuse(size);
	return 0;
}

static int write_after_free(size_t size)
{
	release(block);
	block[usable < 200 ? usable / 2 : 200] = 1;
	reuse(size);
	return 0;
}

static int read_after_free(size_t size)
{
	int found = 0;

	memset(block, 0x41, usable);
	release(block);
	for (size_t i = 0; i < (size < ZEROED ? usable : ZEROED); i++)
		found |= block[i];
	return found != 0;
}

static int double_free_of_overwritten(size_t size)
{
	(void)size;
	release(block);
	memset(block, 0x41, usable);
	release(block);
	return 0;
}

/* The same with a block that has grown to three times its size. */
static __attribute__((noinline)) void grow(void)
{
	block = realloc(block, 3 * usable);
	usable = malloc_usable_size(block);
}

static int before_the_grown_start(size_t size)
{
	grow();
	return before_the_start(size);
}

static int past_the_grown_end_by_one(size_t size)
{
	grow();
	return past_the_end_by_one(size);
}

static int far_past_the_grown_end(size_t size)
{
	grow();
	return far_past_the_end(size);
}

/* Grows by half, where both blocks do not fit at the same time. */
static void move(void)
{
	uintptr_t before = (uintptr_t)block;
	unsigned long pages = 0;
	FILE *file = fopen("/proc/self/statm", "r");
	struct rlimit limit;

	if (!file || fscanf(file, "%lu", &pages) != 1)
		exit(1);
	fclose(file);
	limit.rlim_max = RLIM_INFINITY;
	limit.rlim_cur = pages * (unsigned long)sysconf(_SC_PAGESIZE) + usable;
	setrlimit(RLIMIT_AS, &limit);
	block = realloc(block, usable + usable / 2);
	if (!block || (uintptr_t)block == before)
		exit(1);
	usable = malloc_usable_size(block);
}

static int before_the_moved_start(size_t size)
{
	move();
	return before_the_start(size);
}

static int past_the_moved_end_by_one(size_t size)
{
	move();
	return past_the_end_by_one(size);
}

static int far_past_the_moved_end(size_t size)
{
	move();
	return far_past_the_end(size);
}

static int left_behind(size_t size)
{
	uintptr_t before = (uintptr_t)block;

	(void)size;
	grow();
	return *(unsigned char *)before;
}

/* Bytes that the program never wrote read as zeroes, also behind the old end of the block. */
static int reads_what_it_never_wrote(size_t size)
{
	int found = 0;

	(void)size;
	grow();
	for (size_t i = 0; i < usable; i++)
		found |= block[i];
	return found != 0;
}

/* From C23, and C++'s operator delete(void *, std::size_t): headers may lack them. */
void free_sized(void *ptr, size_t size) __attribute__((weak));
void free_aligned_sized(void *ptr, size_t alignment, size_t size) __attribute__((weak));
void delete_sized(void *ptr, size_t size) __asm__("_ZdlPvm") __attribute__((weak));

static int freed_as_smaller(size_t size)
{
	free_sized(block, size - 1);
	return 0;
}

static int freed_as_larger(size_t size)
{
	free_sized(block, size + 1);
	return 0;
}

static int aligned_freed_as_smaller(size_t size)
{
	free_aligned_sized(block, 16, size - 1);
	return 0;
}

/* malloc() never returns this alignment. */
static int freed_as_aligned(size_t size)
{
	free_aligned_sized(block, (size_t)1 << 47, size);
	return 0;
}

static int deleted_as_larger(size_t size)
{
	if (delete_sized)
		delete_sized(block, size + 1);
	return 0;
}

/* Blocks of any size, also 0, and any alignment are freed with the right size. */
static int freed_as_it_is(size_t size)
{
	free_sized(block, size);
	free_sized(realloc(calloc(2, size), size), size);
	free_sized(malloc(nothing), 0);
	free_aligned_sized(aligned_alloc(4096, size), 4096, size);
	free_aligned_sized(aligned_alloc(64, nothing), 64, 0);
	free_sized(NULL, size);
	free_aligned_sized(NULL, 0, size);
	return 0;
}

/* A freed slot is not the next one that is allocated. */
static int rests(size_t size)
{
	void *other;

	release(block);
	other = malloc(size);
	return other == block;
}

/* The distances between ten blocks, for a comparison of two runs. */
static int order(size_t size)
{
	uintptr_t before = (uintptr_t)block;

	for (int i = 0; i < 10; i++) {
		uintptr_t now = (uintptr_t)malloc(size);

		printf("%td ", (intptr_t)(now - before));
		before = now;
	}
	return 0;
}

static const struct {
	const char *name;
	int (*make)(size_t size);
} mistakes[] = {
	{ "past-the-end-by-one", past_the_end_by_one },
	{ "past-the-end-by-eight", past_the_end_by_eight },
	{ "past-the-end-by-forty", past_the_end_by_forty },
	{ "far-behind", far_behind },
	{ "read-of-no-bytes", read_of_no_bytes },
	{ "write-of-no-bytes", write_of_no_bytes },
	{ "no-bytes", no_bytes },
	{ "write-to-the-end-after-free", write_to_the_end_after_free },
	{ "past-the-end-then-realloc", past_the_end_then_realloc },
	{ "before-the-start", before_the_start },
	{ "past-the-end-until-exit", past_the_end_until_exit },
	{ "write-after-free-until-exit", write_after_free_until_exit },
	{ "far-past-the-end", far_past_the_end },
	{ "write-after-free", write_after_free },
	{ "read-after-free", read_after_free },
	{ "double-free-of-overwritten", double_free_of_overwritten },
	{ "past-the-grown-end-by-one", past_the_grown_end_by_one },
	{ "before-the-grown-start", before_the_grown_start },
	{ "far-past-the-grown-end", far_past_the_grown_end },
	{ "past-the-moved-end-by-one", past_the_moved_end_by_one },
	{ "before-the-moved-start", before_the_moved_start },
	{ "far-past-the-moved-end", far_past_the_moved_end },
	{ "left-behind", left_behind },
	{ "reads-what-it-never-wrote", reads_what_it_never_wrote },
	{ "freed-as-smaller", freed_as_smaller },
	{ "freed-as-larger", freed_as_larger },
	{ "aligned-freed-as-smaller", aligned_freed_as_smaller },
	{ "freed-as-aligned", freed_as_aligned },
	{ "deleted-as-larger", deleted_as_larger },
	{ "freed-as-it-is", freed_as_it_is },
	{ "rests", rests },
	{ "order", order },
};

int main(int argc, char **argv)
{
	size_t size = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
	unsigned char *other;

	block = malloc(size);
	other = malloc(size);
	/* There is a slot in front of the second of two. */
	block = other > block ? other : block;
	usable = malloc_usable_size(block);
	for (size_t i = 0; size && i < sizeof(mistakes) / sizeof(mistakes[0]); i++)
		if (!strcmp(argv[1], mistakes[i].name)) {
			printf("%p\n", (void *)block);
			fflush(stdout);
			return mistakes[i].make(size);
		}
	fputs("usage: mistakes NAME SIZE\n", stderr);
	return 2;
}
