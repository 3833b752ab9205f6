/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Formatted output that never uses a heap: no malloc, no stdio, no locale. The only
 * system call is write(2). An allocator can use it to print from inside its own
 * functions, and it adds no brk or mmap to a program's trace.
 *
 * The function names end in an underscore, so the library defines no libc name. In a
 * program that includes this header, macros turn calls of printf() and the like into
 * calls of these functions. Define OSMEM_PRINTF_NO_MACROS first to prevent that.
 *
 * Conversions	d i u x X o c s p %
 * Flags	- + space # 0
 * Width	a number or *; a negative * means left-justified
 * Precision	.number, . (zero) or .*; a negative .* means none
 * Lengths	hh h l ll z t j
 *
 * Their meaning is that of C11. Where C11 leaves a choice, they follow glibc: a NULL
 * string is "(null)", or nothing if the precision is below 6; %p is 0x... or (nil);
 * L is ll.
 *
 * Unsupported specifications are printed unchanged:
 * - Floating point (a e f g, A E F G), wide characters (lc ls C S), %n and %m. Their
 *   argument, if any, is skipped, and the rest of the format is converted as usual.
 *   %n writes nothing, for safety.
 * - Anything else, such as %y, %1$d or a % at the end. Its argument type is unknown, so
 *   the rest of the format is printed unchanged too.
 *
 * Returns the number of bytes of the whole text, without the final '\0', even if the
 * buffer of snprintf_() is too small for it. On error returns -1 with errno:
 * - EOVERFLOW: that number, a width or a precision exceeds INT_MAX;
 * - the errno of a failed write(2), other than EINTR; EIO if write(2) returns 0.
 * Part of the text may already have been written. errno does not change on success.
 *
 * Thread-safe and async-signal-safe: there is no state between calls. write(2) remains
 * a cancellation point. Text printed here may appear before earlier text that stdio
 * still buffers.
 */
#ifndef OSMEM_PRINTF_H
#define OSMEM_PRINTF_H

/*
 * The first system header that is included decides what all of them declare. Including it here
 * with _GNU_SOURCE defined means that a file may still define _GNU_SOURCE after this header and
 * get its declarations (MREMAP_MAYMOVE, for example).
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#include <features.h>
#undef _GNU_SOURCE
#endif

#include <stdarg.h>
#include <stddef.h>

/*
 * A call that prints at most this many bytes to a descriptor makes a single write(2),
 * or none for an empty text. The text is then never interleaved with other output
 * where the kernel keeps a write together: in pipes up to PIPE_BUF (4096), and in
 * files opened with O_APPEND. Longer text is written in order, in pieces of this size.
 * After a short write or EINTR, further writes follow with the rest.
 */
#define PRINTF_ATOMIC 1024

/* Most bytes of stack that a call uses on x86-64, in addition to libc's write(). */
#define PRINTF_STACK 2560

/* Exports the function; the compiler checks its arguments against the format. */
#define OSMEM_PRINTF(format, first) \
	__attribute__((visibility("default"), __format__(__printf__, format, first)))

#ifdef __cplusplus
extern "C" {
#endif

/* Print to standard output. */
int printf_(const char *format, ...) OSMEM_PRINTF(1, 2);
int vprintf_(const char *format, va_list ap) OSMEM_PRINTF(1, 0);

/* Print to the file descriptor fd. */
int dprintf_(int fd, const char *format, ...) OSMEM_PRINTF(2, 3);
int vdprintf_(int fd, const char *format, va_list ap) OSMEM_PRINTF(2, 0);

/*
 * Print to buffer: at most size bytes, including a final '\0'. If size is 0, nothing
 * is written and buffer may be NULL.
 */
int snprintf_(char *buffer, size_t size, const char *format, ...) OSMEM_PRINTF(3, 4);
int vsnprintf_(char *buffer, size_t size, const char *format, va_list ap) OSMEM_PRINTF(3, 0);

#ifdef __cplusplus
}
#endif

#ifndef OSMEM_PRINTF_NO_MACROS
/*
 * stdio.h must come before the macros: after them it would declare our names instead
 * of its own, and with _FORTIFY_SOURCE even define them. Nothing of it is used. The macros
 * take arguments, so a bare name is not replaced: programs write "printf" in the
 * format attribute of their functions.
 */
#ifdef __cplusplus
#include <cstdio>
#else
#include <stdio.h>
#endif

#undef printf
#undef vprintf
#undef dprintf
#undef vdprintf
#undef snprintf
#undef vsnprintf
#define printf(...) printf_(__VA_ARGS__)
#define vprintf(...) vprintf_(__VA_ARGS__)
#define dprintf(...) dprintf_(__VA_ARGS__)
#define vdprintf(...) vdprintf_(__VA_ARGS__)
#define snprintf(...) snprintf_(__VA_ARGS__)
#define vsnprintf(...) vsnprintf_(__VA_ARGS__)
#endif

#endif /* OSMEM_PRINTF_H */
