// SPDX-License-Identifier: BSD-3-Clause

/*
 * Simulates a kernel with larger pages for a program and for the malloc that is preloaded behind
 * this library. PAGE_BYTES in the environment is the page size. Mappings begin at a multiple of it,
 * and the first call about a part of a page ends the process, because the kernel would refuse it or
 * apply it to the rest of the page. Calls of the C library itself are not changed.
 */

#define _GNU_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TRUE_PAGE	4096UL
#define NAME		"PAGE_BYTES="

/* malloc() may call this before any constructor runs, so nothing in here allocates. */
static size_t page_size(void)
{
	for (char **variable = environ; *variable; variable++)
		if (!strncmp(*variable, NAME, sizeof(NAME) - 1))
			return strtoul(*variable + sizeof(NAME) - 1, NULL, 10);
	return TRUE_PAGE;
}

static void check(const char *call, const void *start, size_t length)
{
	if (((uintptr_t)start | length) % page_size() == 0)
		return;
	dprintf(STDERR_FILENO, "%s(%p, 0x%zx): a part of a page\n", call, start, length);
	_exit(1);
}

unsigned long getauxval(unsigned long type)
{
	static struct { unsigned long type, value; } entries[64];
	int file;

	if (type == AT_PAGESZ)
		return page_size();
	file = (int)syscall(SYS_openat, AT_FDCWD, "/proc/self/auxv", O_RDONLY | O_CLOEXEC);
	syscall(SYS_read, file, entries, sizeof(entries) - sizeof(entries[0]));
	syscall(SYS_close, file);
	for (int i = 0; entries[i].type != AT_NULL; i++)
		if (entries[i].type == type)
			return entries[i].value;
	return 0;
}

long sysconf(int name)
{
	long (*next)(int name);

	if (name == _SC_PAGESIZE)
		return (long)page_size();
	*(void **)&next = dlsym(RTLD_NEXT, "sysconf");
	return next(name);
}

static void *map(void *start, size_t length, int protection, int flags, int file, off_t offset)
{
	return (void *)syscall(SYS_mmap, start, length, protection, flags, file, offset);
}

/* Maps more, and unmaps both ends. */
static void *map_aligned(size_t length, int protection, int flags, int file, off_t offset)
{
	size_t more = page_size() - TRUE_PAGE;
	char *mapped = map(NULL, length + more, protection, flags, file, offset);
	size_t skew = -(uintptr_t)mapped % page_size();

	if (mapped == MAP_FAILED)
		return mapped;
	if (skew)
		syscall(SYS_munmap, mapped, skew);
	if (more > skew)
		syscall(SYS_munmap, mapped + skew + length, more - skew);
	return mapped + skew;
}

/*
 * A gap that ends inside a page is filled up to there: the kernel would offer it, the first of its
 * search, each time, and never those behind it, which a kernel with such pages uses again.
 */
static void fill_odd_end(char *end)
{
	size_t odd = (uintptr_t)end % page_size();

	map(end - odd, odd, PROT_NONE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
}

void *mmap(void *start, size_t length, int protection, int flags, int file, off_t offset)
{
	char *mapped;

	if (flags & MAP_FIXED) {
		check("mmap", start, length);
		return map(start, length, protection, flags, file, offset);
	}
	length = (length + page_size() - 1) / page_size() * page_size();
	mapped = map(NULL, length, protection, flags, file, offset);
	if (mapped == MAP_FAILED || (uintptr_t)mapped % page_size() == 0)
		return mapped;
	syscall(SYS_munmap, mapped, length);
	fill_odd_end(mapped + length);
	return map_aligned(length, protection, flags, file, offset);
}

int munmap(void *start, size_t length)
{
	check("munmap", start, length);
	return (int)syscall(SYS_munmap, start, length);
}

int madvise(void *start, size_t length, int advice)
{
	check("madvise", start, length);
	return (int)syscall(SYS_madvise, start, length, advice);
}

int mprotect(void *start, size_t length, int protection)
{
	check("mprotect", start, length);
	return (int)syscall(SYS_mprotect, start, length, protection);
}

/* A place that the kernel may choose is mapped first, at a multiple of such a page. */
void *mremap(void *start, size_t length, size_t new_length, int flags, ...)
{
	va_list rest;
	void *onto = start;

	check("mremap", start, length);
	va_start(rest, flags);
	if (flags & MREMAP_FIXED)
		onto = va_arg(rest, void *);
	else if (flags & MREMAP_MAYMOVE)
		onto = map_aligned(new_length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	va_end(rest);
	if (onto == MAP_FAILED)
		return onto;
	check("mremap", onto, new_length);
	if (flags & MREMAP_MAYMOVE)
		flags |= MREMAP_FIXED;
	return (void *)syscall(SYS_mremap, start, length, new_length, flags, onto);
}
