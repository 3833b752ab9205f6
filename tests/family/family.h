/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Shared by the programs that test the malloc family. Each exits with 0 if every
 * check holds, or with 77 and a line on stdout if it cannot test here. The first
 * check that fails prints its place on stderr and exits with 1.
 *
 * Nothing in here allocates, so signal handlers may use it and a broken malloc is
 * still reported. Include it first, because it defines _GNU_SOURCE.
 */

#ifndef FAMILY_H
#define FAMILY_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __GLIBC__
#define LIBC	"libc.so.6"
#define HAS_PREINIT	true		/* functions in .preinit_array are called */
#define JOINS_ANY_END true		/* pthread_join() of a thread that made SYS_exit returns */
#define HAS_STATIC_ATFORK true		/* pthread_atfork() allocates only when there are many */
#else
#include "../../osmalloc/osmalloc.h"	/* declares what musl's malloc.h does not */
#define LIBC	"libc.so"
#define HAS_PREINIT	false
#define JOINS_ANY_END false
#define HAS_STATIC_ATFORK false
#endif

#define KIB	((size_t)1 << 10)
#define MIB	((size_t)1 << 20)
#define GIB	((size_t)1 << 30)

#define LENGTH(array)	(sizeof(array) / sizeof((array)[0]))

#define IMPOSSIBLE	77
#define WATCHDOG_SECONDS	600

/* Every block's address is a multiple of it. */
#define GRAIN	16

/* An errno that no function of the family sets. */
#define UNTOUCHED	12345

#define CHECK(expr) \
	((expr) ? (void)0 : check_failed(__FILE__, __LINE__, #expr, NULL))

/* The same in a loop: also says for which number it failed. */
#define CHECK_FOR(expr, number) \
	((expr) ? (void)0 : check_failed(__FILE__, __LINE__, #expr, &(size_t){ (size_t)(number) }))

_Noreturn static inline void check_failed(const char *file, int line, const char *what,
					  const size_t *number)
{
	if (number)
		dprintf(STDERR_FILENO, "%s:%d: not so for %zu: %s\n", file, line, *number, what);
	else
		dprintf(STDERR_FILENO, "%s:%d: not so: %s\n", file, line, what);
	_exit(1);
}

_Noreturn static inline void skip(const char *reason)
{
	dprintf(STDOUT_FILENO, "%s\n", reason);
	_exit(IMPOSSIBLE);
}

/*
 * A lock that nobody will release must end the program, which uses no processor time then. It is
 * so long because a busy machine must not end it. A child needs its own.
 */
static inline void watchdog(void)
{
	alarm(WATCHDOG_SECONDS);
}

/* Returns ptr, hidden from the compiler: it neither warns about the value nor optimises by it. */
static inline void *hide(void *ptr)
{
	__asm__ volatile("" : "+r"(ptr) : : "memory");
	return ptr;
}

static inline size_t hide_size(size_t size)
{
	__asm__ volatile("" : "+r"(size));
	return size;
}

/* Bytes in a page, which depend on processor and kernel. */
static inline size_t page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

static inline bool multiple_of(const void *ptr, size_t alignment)
{
	return (uintptr_t)ptr % alignment == 0;
}

/* All words of a pattern differ, so that contents moved by some bytes are noticed. */
typedef uint64_t __attribute__((may_alias)) word_t;

static inline uint64_t pattern(size_t seed, size_t i)
{
	return (seed + 1) * 0x9e3779b97f4a7c15 + i * 0x0101010101010101;
}

static inline unsigned char pattern_byte(size_t seed, size_t i)
{
	return (unsigned char)(pattern(seed, i / 8) >> i % 8 * 8);
}

static inline void fill(void *ptr, size_t size, size_t seed)
{
	unsigned char *bytes = ptr;
	word_t *words = ptr;

	for (size_t i = 0; i < size / 8; i++)
		words[i] = pattern(seed, i);
	for (size_t i = size / 8 * 8; i < size; i++)
		bytes[i] = pattern_byte(seed, i);
}

/* Whether these first bytes are as fill() wrote them. */
static inline bool holds(const void *ptr, size_t size, size_t seed)
{
	const unsigned char *bytes = ptr;
	const word_t *words = ptr;

	for (size_t i = 0; i < size / 8; i++)
		if (words[i] != pattern(seed, i))
			return false;
	for (size_t i = size / 8 * 8; i < size; i++)
		if (bytes[i] != pattern_byte(seed, i))
			return false;
	return true;
}

static inline bool all_zero(const void *ptr, size_t size)
{
	const unsigned char *bytes = ptr;
	const word_t *words = ptr;

	for (size_t i = 0; i < size / 8; i++)
		if (words[i])
			return false;
	for (size_t i = size / 8 * 8; i < size; i++)
		if (bytes[i])
			return false;
	return true;
}

/* Marsaglia's xorshift64; the state must not be 0. */
static inline size_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state >> 11;
}

/* Mostly small sizes, sometimes some pages or a mapping. */
static inline size_t random_size(uint64_t *state)
{
	static const size_t most[] = { 64, 64, 300, 300, 1000, 5000, 20000, 150000 };

	return 1 + next_random(state) % most[next_random(state) % LENGTH(most)];
}

/* What the kernel counts for a process: lines of /proc/self/status. */
#define VM_SIZE		"VmSize:"	/* addresses */
#define VM_DATA		"VmData:"	/* those that RLIMIT_DATA limits */
#define VM_RESIDENT	"VmRSS:"	/* pages */

/* Bytes of one of these, whatever the size of a page. */
static inline size_t process_has(const char *name)
{
	char text[4096] = "";
	int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	ssize_t length = read(fd, text, sizeof(text) - 1);
	const char *line = strstr(text, name);

	CHECK(fd >= 0 && length > 0 && line);
	close(fd);
	return strtoul(line + strlen(name), NULL, 10) * KIB;
}

/* Limits the process to this much more than it has now. */
static inline void allow_more(__rlimit_resource_t resource, size_t bytes)
{
	size_t now = process_has(resource == RLIMIT_AS ? VM_SIZE : VM_DATA);
	struct rlimit limit;

	CHECK(getrlimit(resource, &limit) == 0);
	limit.rlim_cur = now + bytes;
	if (limit.rlim_cur > limit.rlim_max)
		skip("a limit of this process is too low");
	CHECK(setrlimit(resource, &limit) == 0);
}

static inline void allow_all(__rlimit_resource_t resource)
{
	struct rlimit limit;

	CHECK(getrlimit(resource, &limit) == 0);
	limit.rlim_cur = limit.rlim_max;
	CHECK(setrlimit(resource, &limit) == 0);
}

/* Runs a function in a child process, which must exit with 0. */
static inline void in_child(void (*work)(void *), void *arg)
{
	pid_t child = fork();
	int status;

	CHECK(child >= 0);
	if (child == 0) {
		watchdog();
		work(arg);
		_exit(0);
	}
	CHECK(waitpid(child, &status, 0) == child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == IMPOSSIBLE)
		_exit(IMPOSSIBLE);
	CHECK_FOR(status == 0, status);
}

/* Allocates a block of some size and must free it. */
typedef void (*release_t)(void *ptr, size_t size);

/* Allocates and frees twice the limit, in blocks of one size. */
static inline void must_release(void *arg)
{
	static const size_t sizes[] = { 200, 6000, 3 * MIB };
	const size_t most = 64 * MIB;
	release_t release = *(release_t *)arg;

	allow_more(RLIMIT_AS, most);
	allow_more(RLIMIT_DATA, most);
	for (size_t i = 0; i < LENGTH(sizes); i++)
		for (size_t sum = 0; sum < 2 * most; sum += sizes[i]) {
			void *ptr = malloc(sizes[i]);

			CHECK_FOR(ptr, sizes[i]);
			release(ptr, sizes[i]);
		}
}

static inline void check_releases(release_t release)
{
	in_child(must_release, &release);
}

/* The C library; NULL in a static program, which cannot look up symbols. */
static inline void *c_library(void)
{
	return dlopen(LIBC, RTLD_NOW | RTLD_NOLOAD);
}

/* ISO C has no conversion from what dlsym() returns to a function pointer. */
static inline void find(const char *name, void *function)
{
	void *found = dlsym(RTLD_DEFAULT, name);

	if (!c_library())
		skip("a static program cannot look names up");
	CHECK(found);
	memcpy(function, &found, sizeof(found));
}

/* Whether the program runs on the C library's own malloc, for which some checks are left out. */
static inline bool on_glibc(void)
{
	void *libc = c_library();

	return libc && dlsym(libc, "malloc") == dlsym(RTLD_DEFAULT, "malloc");
}

#endif
