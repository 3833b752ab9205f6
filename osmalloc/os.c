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

/* Linux 6.13; older C libraries do not define them. */
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL	102
#define MADV_GUARD_REMOVE	103
#endif

/* Linux 5.18 */
#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED	24
#endif

/* <linux/futex.h> is not part of every C library's headers. */
#define FUTEX_WAIT_PRIVATE	128
#define FUTEX_WAKE_PRIVATE	129

/* Whether any guard was made with MADV_GUARD_INSTALL, and any with mprotect(). */
static bool has_installed, has_protected;

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

void *os_map(size_t length)
{
	void *start = mmap(NULL, length, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (start != MAP_FAILED)
		return start;
	errno = ENOMEM;
	return NULL;
}

void *os_map_aligned(size_t before, size_t length, size_t alignment)
{
	size_t needed = before + length;
	size_t page = os_page_size();
	size_t whole = needed + (alignment > page ? alignment - page : 0);
	char *start, *end;
	size_t skew;

	/* The kernel places equally aligned mappings side by side, so this often succeeds. */
	start = os_map(needed);
	if (!start || (uintptr_t)(start + before) % alignment == 0)
		return start ? start + before : NULL;
	os_unmap(start, needed);
	start = whole < needed ? NULL : os_map(whole);
	if (!start) {
		errno = ENOMEM;
		return NULL;
	}
	skew = -(uintptr_t)(start + before) & (alignment - 1);
	end = start + skew + needed;
	if (skew)
		os_unmap(start, skew);
	if (whole - skew - needed)
		os_unmap(end, whole - skew - needed);
	return start + skew + before;
}

void *os_map_guarded(size_t before, size_t length, size_t after, size_t alignment)
{
	char *start = os_map_aligned(before, length + after, alignment);

	if (start && before)
		os_guard(start - before, before);
	if (start && after)
		os_guard(start + length, after);
	return start;
}

bool os_resize(void *start, size_t length, size_t new_length)
{
	if (mremap(start, length, new_length, 0) != MAP_FAILED)
		return true;
	errno = ENOMEM;
	return false;
}

bool os_move(void *start, size_t length, void *onto, size_t new_length)
{
	if (mremap(start, length, new_length, MREMAP_MAYMOVE | MREMAP_FIXED, onto) != MAP_FAILED)
		return true;
	errno = ENOMEM;
	return false;
}

void *os_move_anywhere(void *start, size_t length, size_t new_length)
{
	void *moved = mremap(start, length, new_length, MREMAP_MAYMOVE);

	if (moved != MAP_FAILED)
		return moved;
	errno = ENOMEM;
	return NULL;
}

/* madvise() that leaves errno alone. */
static bool advise(void *start, size_t length, int advice)
{
	int error = errno;
	bool done = madvise(start, length, advice) == 0;

	errno = error;
	return done;
}

/* The kernel refuses the first advice for memory that the program has locked. */
bool os_purge(void *start, size_t length)
{
	return advise(start, length, MADV_DONTNEED) || advise(start, length, MADV_DONTNEED_LOCKED);
}

/* mprotect() turns a guard into a separate mapping; madvise() does not. */
bool os_guard(void *start, size_t length)
{
	int error = errno;
	bool installed = advise(start, length, MADV_GUARD_INSTALL);
	bool guarded = installed || mprotect(start, length, PROT_NONE) == 0;

	__atomic_store_n(installed ? &has_installed : &has_protected, true, __ATOMIC_RELAXED);
	errno = error;
	return guarded;
}

bool os_unguard(void *start, size_t length)
{
	bool removed = advise(start, length, MADV_GUARD_REMOVE) ||
		       !__atomic_load_n(&has_installed, __ATOMIC_RELAXED);

	if (removed && (!__atomic_load_n(&has_protected, __ATOMIC_RELAXED) ||
			mprotect(start, length, PROT_READ | PROT_WRITE) == 0))
		return true;
	errno = ENOMEM;
	return false;
}

/* A kernel without huge pages refuses, which does no harm. */
void os_prefer_huge(void *start, size_t length)
{
	advise(start, length, MADV_HUGEPAGE);
}

void os_avoid_huge(void *start, size_t length)
{
	advise(start, length, MADV_NOHUGEPAGE);
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
