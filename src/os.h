/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What the allocator asks of the operating system: the only callers of brk,
 * mmap and munmap, and the seam at which a test makes them fail. Addresses
 * are uintptr_t, lengths bytes. The kernel rounds lengths up to whole pages: what has a neighbour
 * passes whole pages, from the start of one. Callers hold the library's lock.
 *
 * The break moves through the C library's brk() and sbrk() rather than the
 * raw system call, because the C library keeps a copy of the break: its own
 * malloc and the program's sbrk() then see our growth, and we see theirs
 * without a system call (B2, F3). glibc does not synchronise that copy between
 * threads, so the program must not call sbrk() in parallel with us.
 */

#ifndef OS_H
#define OS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/single_threaded.h>

/* Bytes in a page: 4, 16 or 64 KiB. From the auxiliary vector, without a system call. */
size_t os_page_size(void);

/* 128 bits that differ between processes, from the auxiliary vector; the first 64 are not 0. */
void os_secret(uint64_t secret[2]);

/* Whether no second thread has ever been started. */
static inline bool os_single_threaded(void)
{
	return __libc_single_threaded;
}

/* Asks the kernel for the break: brk(0), the one of F1. False: it has none. */
bool os_break_query(void);

/* The break as the C library knows it; no system call after os_break_query(). */
uintptr_t os_break(void);

/*
 * Grows the break from where os_break() says it is. Returns false with
 * errno = ENOMEM when the kernel refuses, or when somebody else moved the
 * break in between (the bytes are then lost, nobody else's are touched).
 */
bool os_break_grow(size_t bytes);

/* A private, zeroed mapping (M1); NULL with errno = ENOMEM. */
void *os_map(size_t length);

/*
 * The same, with so many bytes in front of what is returned, which is a multiple of alignment, a
 * power of two. before is a multiple of the page size.
 */
void *os_map_aligned(size_t before, size_t length, size_t alignment);

/*
 * The same with guards in front and behind, which cannot be touched. Where the kernel refuses one,
 * the mapping has none, but is one.
 */
void *os_map_guarded(size_t before, size_t length, size_t after, size_t alignment);

/* Makes a mapping longer or shorter where it is; false with errno = ENOMEM. */
bool os_resize(void *start, size_t length, size_t new_length);

/* Moves a mapping with its contents onto another one, which it replaces; false: ENOMEM. */
bool os_move(void *start, size_t length, void *onto, size_t new_length);

/*
 * The same, to where the kernel chooses, which is a multiple of a page: needs no address for both
 * at the same time (RLIMIT_AS). NULL with errno = ENOMEM, and it is as it was.
 */
void *os_move_anywhere(void *start, size_t length, size_t new_length);

/* Gives the pages of a range back, which stays mapped and reads as zeroes; false: not now. */
bool os_purge(void *start, size_t length);

/* Makes a part of a mapping inaccessible; false: it is as before. */
bool os_guard(void *start, size_t length);

/* Takes that back; false with errno = ENOMEM, and some of it is still inaccessible. */
bool os_unguard(void *start, size_t length);

/* Asks for huge pages, where there are any, in a range without pages. */
void os_prefer_huge(void *start, size_t length);

/* Asks for no huge pages in a range, neither now nor by and by (khugepaged). */
void os_avoid_huge(void *start, size_t length);

/* Gives a whole mapping back; false with errno = ENOMEM, and it is still there. */
bool os_unmap(void *start, size_t length);

#endif
