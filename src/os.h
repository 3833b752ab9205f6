/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The interface to the operating system. Only these functions call brk, mmap and munmap, and tests
 * replace them to make system calls fail. Lengths are in bytes. The kernel rounds lengths up to
 * whole pages, so a range next to other data must consist of whole pages. Callers must hold the
 * library's lock.
 *
 * The break is moved with the C library's brk() and sbrk(), not with the raw system call. The C
 * library keeps a copy of the break, so its malloc() and the program's sbrk() see the library's
 * growth, and the library sees theirs without a system call (B2, F3). glibc does not synchronise
 * that copy between threads: the program must not call sbrk() while another thread is in the
 * library.
 *
 * musl keeps no copy, and its sbrk() moves nothing: there the system call is made each time. musl's
 * malloc() takes the break for its own and may set it back, so a program that uses libosmem
 * and malloc() needs another malloc() there, such as libosmalloc's.
 */

#ifndef OS_H
#define OS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* musl does not have this header. */
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

/* Queries the break from the kernel: the brk(0) of F1. False if the kernel returns none. */
bool os_break_query(void);

/* The break as libc knows it; with glibc, makes no system call after os_break_query(). */
uintptr_t os_break(void);

/*
 * Moves the break up by bytes from os_break(). Returns false with errno = ENOMEM if the kernel
 * refuses, or if other code moves the break at the same time (the bytes are then lost, but other
 * code's memory is not touched).
 */
bool os_break_grow(size_t bytes);

/* Creates a private, zeroed mapping (M1); NULL with errno = ENOMEM on failure. */
void *os_map(size_t length);

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
