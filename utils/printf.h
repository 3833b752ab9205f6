/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Formatted output that never touches a heap: no malloc, no stdio, no locale.
 * The only system call is write(2). An allocator may print from its own inside
 * with it, and a traced program shows no brk or mmap that it did not ask for.
 *
 * The functions end in an underscore, so that the library never defines a name
 * of libc's. Calls to the usual names in a program that includes this header
 * become calls to them; define OSMEM_PRINTF_NO_MACROS first to prevent that.
 *
 * Conversions	d i u x X o c s p %
 * Flags	- + space # 0
 * Width	a number or *; a negative * means left-justified
 * Precision	.number, . (zero) or .*; a negative .* means none
 * Lengths	hh h l ll z t j
 *
 * They mean what C11 says. Where C11 leaves the choice, it is glibc's: a NULL
 * string is "(null)", or nothing if the precision is below 6; %p is 0x... or
 * (nil); L is ll.
 *
 * Not supported, and printed as it stands in the format:
 * - floating point (a e f g, A E F G), wide characters (lc ls C S), and %n,
 *   which writes nothing for safety's sake. Their argument is skipped, and what
 *   follows is formatted as usual. So is what follows %m, which has no argument.
 * - anything else, such as %y, %1$d or a % at the end. What argument it would
 *   take is unknown, so the rest of the format is printed as it stands, too.
 *
 * Return value: the number of bytes that the whole text has (for snprintf_: would
 * have, were the buffer large enough), without the final '\0'. Or -1 with errno:
 * - EOVERFLOW: that number, a width or a precision is above INT_MAX;
 * - write's errno (EIO if it returns 0), when it fails other than by EINTR.
 * Some of the text may be out already then. A success leaves errno alone.
 *
 * Thread-safe and async-signal-safe: there is no state between calls. write(2)
 * remains a cancellation point. Text that stdio still buffers comes out later
 * than text printed from here.
 */
#ifndef OSMEM_PRINTF_H
#define OSMEM_PRINTF_H

/*
 * The system headers decide once, when the first of them is included, what they declare. So that a
 * file which defines _GNU_SOURCE below this line gets what it asks for (MREMAP_MAYMOVE, say), that
 * is decided here.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#include <features.h>
#undef _GNU_SOURCE
#endif

#include <stdarg.h>
#include <stddef.h>
#include <sys/cdefs.h>

/*
 * A call that prints at most this many bytes to a descriptor makes one write(2)
 * of them (none for no bytes), so the text is never mixed with that of others
 * wherever the kernel keeps a write together: in pipes up to PIPE_BUF (4096),
 * and in files opened with O_APPEND. Longer text goes out in order, in pieces of
 * this size. After a short write or EINTR, the rest follows in further writes.
 */
#define PRINTF_ATOMIC 1024

/* No call needs more bytes of stack than this on x86-64, beside what libc's write needs. */
#define PRINTF_STACK 2560

/* Exported from the library, and calls are checked against their format. */
#define OSMEM_PRINTF(format, first) \
	__attribute__((visibility("default"), __format__(__printf__, format, first)))

__BEGIN_DECLS

/* To standard output. */
int printf_(const char *format, ...) OSMEM_PRINTF(1, 2);
int vprintf_(const char *format, va_list ap) OSMEM_PRINTF(1, 0);

/* To the descriptor fd. */
int dprintf_(int fd, const char *format, ...) OSMEM_PRINTF(2, 3);
int vdprintf_(int fd, const char *format, va_list ap) OSMEM_PRINTF(2, 0);

/*
 * To buffer: at most size bytes, the last of them a '\0'. With size 0, nothing is
 * written and buffer may be NULL.
 */
int snprintf_(char *buffer, size_t size, const char *format, ...) OSMEM_PRINTF(3, 4);
int vsnprintf_(char *buffer, size_t size, const char *format, va_list ap) OSMEM_PRINTF(3, 0);

__END_DECLS

#ifndef OSMEM_PRINTF_NO_MACROS
/*
 * stdio.h comes first: included after the macros, it would declare, and with
 * _FORTIFY_SOURCE even define, our names instead of its own. Nothing of it is used.
 * The macros take arguments, so that a name alone is not replaced: programs that
 * declare functions with the format attribute write "printf" in it.
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
