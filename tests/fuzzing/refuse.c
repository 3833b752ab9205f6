// SPDX-License-Identifier: BSD-3-Clause

/*
 * The allocators' system calls: the linker redirects those of both os.c to this file (--wrap).
 * A refusal sets EAGAIN, as the kernel may; the library must set ENOMEM. The kernel's random bytes
 * for the process are replaced by fixed ones, so that failures repeat.
 */

#include "fuzz.h"

#include <errno.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

unsigned long system_calls, refusals;

static unsigned long refuse_from, refuse_to;

void refuse(unsigned long first, unsigned long count)
{
	refuse_from = system_calls + first;
	refuse_to = refuse_from + count;
}

static bool refused(void)
{
	unsigned long number = system_calls++;

	if (number < refuse_from || number >= refuse_to)
		return false;
	refusals++;
	errno = EAGAIN;
	return true;
}

/* A refusal by the kernel counts too. */
static void *answer(void *result)
{
	refusals += result == MAP_FAILED;
	return result;
}

void *__wrap_mmap(void *start, size_t length, int prot, int flags, int fd, off_t offset)
{
	return refused() ? MAP_FAILED :
			   answer(__real_mmap(start, length, prot, flags, fd, offset));
}

void *shared_memory(size_t length)
{
	void *start = __real_mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
				  -1, 0);

	return start == MAP_FAILED ? NULL : start;
}

void *__wrap_mremap(void *start, size_t length, size_t wanted, int flags, void *onto)
{
	return refused() ? MAP_FAILED :
			   answer(__real_mremap(start, length, wanted, flags, onto));
}

int __wrap_munmap(void *start, size_t length)
{
	return refused() ? -1 : __real_munmap(start, length);
}

int __wrap_madvise(void *start, size_t length, int advice)
{
	return refused() ? -1 : __real_madvise(start, length, advice);
}

int __wrap_mprotect(void *start, size_t length, int prot)
{
	return refused() ? -1 : __real_mprotect(start, length, prot);
}

int __wrap_brk(void *end)
{
	return refused() ? -1 : __real_brk(end);
}

/* sbrk(0) makes no system call. */
void *__wrap_sbrk(intptr_t bytes)
{
	return bytes && refused() ? (void *)-1 : __real_sbrk(bytes);
}

unsigned long __wrap_getauxval(unsigned long type)
{
	static const char random[] = "sixteen bytes...";

	return type == AT_RANDOM ? (unsigned long)random : __real_getauxval(type);
}
