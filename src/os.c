// SPDX-License-Identifier: BSD-3-Clause

#define _GNU_SOURCE

#include "os.h"

#include <errno.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "config.h"

/* <linux/futex.h> is not part of every C library's headers. */
#define FUTEX_WAIT_PRIVATE	128
#define FUTEX_WAKE_PRIVATE	129

size_t os_page_size(void)
{
	static size_t known;	/* 0 before the first call; all threads store the same value */
	size_t size = __atomic_load_n(&known, __ATOMIC_RELAXED);

	if (unlikely(!size)) {
		size = getauxval(AT_PAGESZ);
		__atomic_store_n(&known, size, __ATOMIC_RELAXED);
	}
	return size;
}

void os_secret(uint64_t secret[2])
{
	const void *random = (const void *)getauxval(AT_RANDOM);
	uint64_t words[2] = { 0, 0 };

	/*
	 * The C library derives its stack canary and pointer guard from these 16 bytes. The
	 * program can read our checksums, so use a digest of the bytes, not the bytes themselves.
	 */
	if (random)
		memcpy(words, random, sizeof(words));
	secret[0] = ((words[0] ^ 0x9e3779b97f4a7c15) * (words[1] | 1) ^ words[0] >> 32) | 1;
	secret[1] = (words[1] ^ 0xd6e8feb86659fd93) * (words[0] | 1) ^ words[1] >> 32;
}

#ifdef __GLIBC__

bool os_break_query(void)
{
	return brk(NULL) == 0;
}

uintptr_t os_break(void)
{
	return (uintptr_t)sbrk(0);
}

/* sbrk() moves the copy of the break by so much, and the break to where that is then. */
static bool break_move(uintptr_t from, size_t bytes)
{
	return sbrk((intptr_t)bytes) == (void *)from;
}

#else

bool os_break_query(void)
{
	return os_break();
}

uintptr_t os_break(void)
{
	return (uintptr_t)syscall(SYS_brk, 0);
}

static bool break_move(uintptr_t from, size_t bytes)
{
	return (uintptr_t)syscall(SYS_brk, from + bytes) == from + bytes;
}

#endif

bool os_break_grow(size_t bytes)
{
	if (break_move(os_break(), bytes))
		return true;
	errno = ENOMEM;
	return false;
}

void *os_map(size_t length)
{
	void *start = mmap(NULL, length, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (start != MAP_FAILED)
		return start;
	errno = ENOMEM;
	return NULL;
}

/* A futex is 32 bits. */
static void futex(const uintptr_t *word, int operation, uint32_t value)
{
	bool big_endian = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;
	int error = errno;

	syscall(SYS_futex, (const uint32_t *)word + big_endian, operation, value, NULL);
	errno = error;
}

void os_wait(const uintptr_t *word, uintptr_t value)
{
	futex(word, FUTEX_WAIT_PRIVATE, (uint32_t)value);
}

void os_wake(const uintptr_t *word)
{
	futex(word, FUTEX_WAKE_PRIVATE, 1);
}

bool os_unmap(void *start, size_t length)
{
	if (munmap(start, length) == 0)
		return true;
	errno = ENOMEM;
	return false;
}
