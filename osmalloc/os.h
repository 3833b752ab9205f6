/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The interface to the operating system. Only these functions make system calls, and tests replace
 * them to make system calls fail. Lengths are in bytes. The kernel rounds lengths up to
 * whole pages, so a range next to other data must consist of whole pages. Callers must hold the
 * library's lock.
 */

#ifndef OS_H
#define OS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Here and in fork.h is all that only glibc has and musl has to do without. */
#if __has_include(<sys/single_threaded.h>)
#include <sys/single_threaded.h>
#else
#define __libc_single_threaded	false
#endif

/* The page size in bytes: 4, 16 or 64 KiB. From the auxiliary vector, without a system call. */
size_t os_page_size(void);

/* 128 bits that differ between processes, from the auxiliary vector; secret[0] is not 0. */
void os_secret(uint64_t secret[2]);

/* Whether the process has never started a second thread; false if libc does not tell. */
static inline bool os_single_threaded(void)
{
	return __libc_single_threaded;
}

/* Creates a private, zeroed mapping; NULL with errno = ENOMEM on failure. */
void *os_map(size_t length);

/*
 * Creates such a mapping of before + length bytes and returns its address plus before, which is a
 * multiple of alignment, a power of two. before must be a multiple of the page size.
 */
void *os_map_aligned(size_t before, size_t length, size_t alignment);

/*
 * As os_map_aligned(), with inaccessible guards: the before bytes in front and after bytes at the
 * end. If the kernel refuses a guard, those bytes stay accessible and the call still succeeds.
 */
void *os_map_guarded(size_t before, size_t length, size_t after, size_t alignment);

/* Resizes a mapping in place; false with errno = ENOMEM on failure. */
bool os_resize(void *start, size_t length, size_t new_length);

/* Moves a mapping and its contents to onto, replacing the mapping there; false with ENOMEM. */
bool os_move(void *start, size_t length, void *onto, size_t new_length);

/*
 * Moves a mapping and its contents to an address that the kernel chooses, a multiple of the page
 * size. Unlike os_move(), it never needs address space for both mappings at once (RLIMIT_AS). On
 * failure, returns NULL with errno = ENOMEM and leaves the mapping unchanged.
 */
void *os_move_anywhere(void *start, size_t length, size_t new_length);

/* Returns the pages of a range to the kernel. It stays mapped, as zeroes. False on failure. */
bool os_purge(void *start, size_t length);

/* Makes a range of a mapping inaccessible; false if it stays accessible. */
bool os_guard(void *start, size_t length);

/* Undoes os_guard(); false with errno = ENOMEM if some of the range stays inaccessible. */
bool os_unguard(void *start, size_t length);

/* Requests huge pages for a range that has no pages yet, if the kernel supports them. */
void os_prefer_huge(void *start, size_t length);

/* Prevents huge pages in a range, now and later (khugepaged). */
void os_avoid_huge(void *start, size_t length);

/*
 * Sleeps if the lower 32 bits of a word are those of value, until os_wake() for that word, or for
 * no reason. Leaves errno alone.
 */
void os_wait(const uintptr_t *word, uintptr_t value);

/* Wakes one of the threads that sleep in os_wait(), if there are any. Leaves errno alone. */
void os_wake(const uintptr_t *word);

/* Unmaps a mapping; false with errno = ENOMEM if it stays mapped. */
bool os_unmap(void *start, size_t length);

#endif
