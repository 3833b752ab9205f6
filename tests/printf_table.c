// SPDX-License-Identifier: BSD-3-Clause
/*
 * Compares vsnprintf_ with the C library's vsnprintf: every set of flags with
 * widths, precisions, lengths, conversions and values at the edges of the types,
 * into buffers of several sizes. Then cases that the C library cannot decide:
 * unsupported conversions, and lengths around INT_MAX.
 *
 * Prints each difference (the first MAX_SHOWN) and the number of comparisons. The
 * exit status is 1 if there was a difference.
 */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OSMEM_PRINTF_NO_MACROS
#include "printf.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define MAX_SHOWN 20
#define ROOM 256
#define FLAG_SETS 32
#define UNTOUCHED 0x5a

static const char *const widths[] = { "", "1", "4", "9", "12", "30" };
static const char *const precisions[] = { "", ".", ".1", ".5", ".6", ".012", ".30" };
static const char *const lengths[] = { "", "hh", "h", "l", "ll", "L", "z", "t", "j" };

static const intmax_t integers[] = {
	0, 1, -1, 8, 42, SCHAR_MIN, UCHAR_MAX, SHRT_MAX, INT_MIN, INT_MAX, INTMAX_MIN, INTMAX_MAX,
};

static const char unterminated[4] = { 'f', 'o', 'u', 'r' };

static unsigned long comparisons;
static unsigned long differences;

static void show_difference(const char *format, const char *what, size_t size, int want,
			    int got)
{
	if (++differences <= MAX_SHOWN)
		printf("\"%s\", size %zu: %s: expected %d, got %d\n",
		       format, size, what, want, got);
}

static void show_difference_of_bytes(const char *format, size_t size, const char *want,
				     const char *got)
{
	size_t i = 0;

	while (want[i] == got[i])
		i++;
	show_difference(format, "a byte", size, want[i], got[i]);
}

/* What a buffer of size bytes must hold after a call whose text is text. */
static void expected_buffer(char *buffer, const char *text, size_t n, size_t size)
{
	memset(buffer, UNTOUCHED, ROOM);
	if (size == 0)
		return;
	if (n > size - 1)
		n = size - 1;
	memcpy(buffer, text, n);
	buffer[n] = '\0';
}

/* Format into size bytes; compare the result, and each byte in and behind them. */
static void check_size(size_t size, const char *text, int want, const char *format, va_list ap)
{
	char expected[ROOM];
	char actual[ROOM];
	va_list copy;
	int got;

	expected_buffer(expected, text, (size_t)want, size);
	memset(actual, UNTOUCHED, ROOM);
	va_copy(copy, ap);
	got = vsnprintf_(size > 0 ? actual : NULL, size, format, copy);
	va_end(copy);
	comparisons++;
	if (got != want)
		show_difference(format, "result", size, want, got);
	if (memcmp(actual, expected, ROOM) != 0)
		show_difference_of_bytes(format, size, expected, actual);
}

/* Format into buffers of all kinds of sizes: n is the length of text. */
static void check_text(const char *text, int n, const char *format, va_list ap)
{
	const size_t full = (size_t)n;
	const size_t sizes[] = { 0, 1, full / 2, full, full + 1, ROOM };

	for (size_t i = 0; i < LENGTH(sizes); i++)
		check_size(sizes[i], text, n, format, ap);
}

/* Compare with the C library. */
static void check(const char *format, ...)
{
	char text[ROOM];
	va_list ap;
	va_list copy;
	int n;

	va_start(ap, format);
	va_copy(copy, ap);
	n = vsnprintf(text, ROOM, format, copy);
	va_end(copy);
	if (n < 0 || n >= ROOM)
		abort();
	check_text(text, n, format, ap);
	va_end(ap);
}

/* Compare with text, where the C library differs on purpose. */
static void check_is(const char *text, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	check_text(text, (int)strlen(text), format, ap);
	va_end(ap);
}

/* %[flags][width][.precision][length]conversion between two other characters. */
static void make_format(char *format, unsigned int flags, const char *width,
			const char *precision, const char *conversion)
{
	static const char flag_chars[] = "-+ #0";

	format += sprintf(format, "<%%");
	for (unsigned int i = 0; flag_chars[i] != '\0'; i++)
		if (flags & (1U << i))
			*format++ = flag_chars[i];
	sprintf(format, "%s%s%s>", width, precision, conversion);
}

static void check_integer(const char *format, const char *length, intmax_t value)
{
	if (strcmp(length, "l") == 0)
		check(format, (long)value);
	else if (strcmp(length, "ll") == 0 || strcmp(length, "L") == 0)
		check(format, (long long)value);
	else if (strcmp(length, "z") == 0)
		check(format, (size_t)value);
	else if (strcmp(length, "t") == 0)
		check(format, (ptrdiff_t)value);
	else if (strcmp(length, "j") == 0)
		check(format, value);
	else
		check(format, (int)value);
}

static void check_integers(unsigned int flags, const char *width, const char *precision)
{
	char conversion[] = "hh?";
	char format[64];

	for (size_t i = 0; i < LENGTH(lengths); i++) {
		for (const char *c = "diuxXo"; *c != '\0'; c++) {
			sprintf(conversion, "%s%c", lengths[i], *c);
			make_format(format, flags, width, precision, conversion);
			for (size_t v = 0; v < LENGTH(integers); v++)
				check_integer(format, lengths[i], integers[v]);
		}
	}
}

static void check_chars(unsigned int flags, const char *width, const char *precision)
{
	static const int chars[] = { 'A', '\0', '%', 0xe9, -1, 0x141 };
	char format[64];

	make_format(format, flags, width, precision, "c");
	for (size_t i = 0; i < LENGTH(chars); i++)
		check(format, chars[i]);
	make_format(format, flags, width, precision, "c%%");
	check(format, 'B');
}

static void check_strings(unsigned int flags, const char *width, const char *precision)
{
	static const char *const strings[] = {
		"", "a", "12345", "%d is not a format here", "\xc3\xa9t\xc3\xa9 \x80\xff", NULL,
		"a string that is longer than every width and every precision of the table",
	};
	char format[64];

	make_format(format, flags, width, precision, "s");
	for (size_t i = 0; i < LENGTH(strings); i++)
		check(format, strings[i]);
}

static void check_pointers(unsigned int flags, const char *width, const char *precision)
{
	const void *const pointers[] = { NULL, (void *)1, (void *)UINTPTR_MAX, pointers };
	char format[64];

	make_format(format, flags, width, precision, "p");
	for (size_t i = 0; i < LENGTH(pointers); i++)
		check(format, pointers[i]);
}

static void check_table(void)
{
	for (unsigned int flags = 0; flags < FLAG_SETS; flags++) {
		for (size_t w = 0; w < LENGTH(widths); w++) {
			for (size_t p = 0; p < LENGTH(precisions); p++) {
				check_integers(flags, widths[w], precisions[p]);
				check_chars(flags, widths[w], precisions[p]);
				check_strings(flags, widths[w], precisions[p]);
				check_pointers(flags, widths[w], precisions[p]);
			}
		}
	}
}

/* A width and a precision that are arguments. */
static void check_star(unsigned int flags, int width, int precision)
{
	char format[64];

	make_format(format, flags, "*", "", "d");
	check(format, width, 42);
	make_format(format, flags, "*", ".*", "d");
	check(format, width, precision, -42);
	make_format(format, flags, "*", ".*", "llx");
	check(format, width, precision, 42ULL);
	make_format(format, flags, "7", ".*", "o");
	check(format, precision, 0U);
	make_format(format, flags, "*", ".*", "s");
	check(format, width, precision, "string");
	make_format(format, flags, "", ".*", "s");
	check(format, precision, NULL);
	make_format(format, flags, "*", "", "c");
	check(format, width, 'c');
	make_format(format, flags, "*", ".*", "p");
	check(format, width, precision, (void *)42);
}

static void check_stars(void)
{
	static const int stars[] = { 0, 1, 3, 6, 20, -1, -3, -20, -INT_MAX, INT_MIN };

	for (unsigned int flags = 0; flags < FLAG_SETS; flags++)
		for (size_t w = 0; w < LENGTH(stars) - 2; w++)
			for (size_t p = 0; p < LENGTH(stars); p++)
				check_star(flags, stars[w], stars[p]);
}

/* Formats of several conversions, with more arguments than registers for them. */
static void check_sequences(void)
{
	check("");
	check("no conversion");
	check("%%");
	check("100%% of %d", 7);
	check("%--5d|%00005d|%-0+ #5d", 1, 2, 3);
	check("%d%d%d%d%d%d%d%d%d%d", 1, 2, 3, 4, 5, 6, 7, 8, 9, 10);
	check("%c%s%p%hhd%hd%ld%lld%zu%td%jd%x", 'c', "s", (void *)16, 300, 70000, LONG_MIN,
	      LLONG_MAX, SIZE_MAX, PTRDIFF_MIN, INTMAX_MAX, UINT_MAX);
	check("%*.*d|%-*.*s|%*c|%.*x", 8, 3, 5, 8, 3, "abcdef", 4, 'x', 5, 0xabcU);
	check("%.4s|%.3s|%.*s", unterminated, unterminated, 2, unterminated);
	check("\x80\xff%d\xe2\x82\xac", 1);
	check("%150d|%-50s|%.20o", 1, "left", 8U);
}

/* Undefined in C11: a length or a width without a meaning is ignored. */
static void check_ignored(void)
{
	check_is("%|%|%|%", "%-5%|%05%|%.3%|%l%");
	check_is("short|c|0x1", "%hs|%hc|%lp", "short", 'c', (void *)1);
}

/* Unsupported: printed unchanged. The rest is formatted if that is possible. */
static void check_unsupported(void)
{
	int count = 0;

	check_is("%f 1", "%f %d", 1.5, 1);
	check_is("%-+8.3Lf 2", "%-+8.3Lf %d", 1.5L, 2);
	check_is("1234%Lf5%Lf6", "%d%d%d%d%Lf%d%Lf%d", 1, 2, 3, 4, 1.5L, 5, 2.5L, 6);
	check_is("%a%e%g%A%E%F%G%lf 3", "%a%e%g%A%E%F%G%lf %d",
		 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 3);
	check_is("%*.*f 4", "%*.*f %d", 8, 3, 1.5, 4);
	check_is("%ls %lc %S %C 5", "%ls %lc %S %C %d", L"wide", L'w', L"wide", L'w', 5);
	check_is("%n 6", "%n %d", &count, 6);
	check_is("%hhn 6", "%hhn %d", &count, 6);
	check_is("%m 7", "%m %d", 7);
	check_is("8 %y %d %s %%", "%d %y %d %s %%", 8, 9, "s");
	check_is("%2$d %1$d", "%2$d %1$d", 1, 2);
	check_is("10 %", "%d %", 10);
	check_is("%-+ #012.34hh", "%-+ #012.34hh", 11);
	check_is("%hhh %d", "%hhh %d", 12);
	check_is("%.-3d", "%.-3d", 13);
	if (count != 0)
		show_difference("%n", "the number written", 0, 0, count);
}

/* The result must be want, or -1 with EOVERFLOW, and the buffer be terminated in it. */
static void check_length(int want, const char *format, ...)
{
	char buffer[16];
	va_list ap;
	int got;

	memset(buffer, UNTOUCHED, sizeof(buffer));
	errno = 0;
	va_start(ap, format);
	got = vsnprintf_(buffer, sizeof(buffer) - 1, format, ap);
	va_end(ap);
	comparisons++;
	if (got != want)
		show_difference(format, "result", sizeof(buffer), want, got);
	if (errno != (want < 0 ? EOVERFLOW : 0))
		show_difference(format, "errno", sizeof(buffer), want < 0 ? EOVERFLOW : 0, errno);
	if (!memchr(buffer, '\0', sizeof(buffer) - 1) || buffer[sizeof(buffer) - 1] != UNTOUCHED)
		show_difference(format, "the end", sizeof(buffer), '\0', buffer[14]);
}

static void check_lengths(void)
{
	check_length(INT_MAX, "%2147483647d", 1);
	check_length(INT_MAX, "%.2147483647d", 1);
	check_length(INT_MAX, "%-2147483646s|", "x");
	check_length(INT_MAX, "%02147483647x", 1U);
	check_length(INT_MAX, "%*c", -INT_MAX, 'c');
	check_length(INT_MAX, "%1073741823d%1073741824d", 1, 2);
	check_length(1, "%.2147483647s", "x");
	check_length(-1, "%2147483647d%d", 1, 2);
	check_length(-1, "%-2147483647d|", 1);
	check_length(-1, "%.2147483647d", -1);
	check_length(-1, "%#.2147483646x", 1U);
	check_length(-1, "%1073741824d%1073741824d", 1, 2);
	check_length(-1, "%2147483648d", 1);
	check_length(-1, "%*d", INT_MIN, 1);
	check_length(-1, "%.2147483648s", "x");
	check_length(-1, "%4294967297d", 1);
	check_length(-1, "%18446744073709551617d", 1);
	check_length(-1, "%.99999999999999999999999d", 1);
	check_length(-1, "%99999999999%");
}

/* snprintf_ itself; and a size that goes beyond the end of the address space. */
static void check_wrapper(void)
{
	char buffer[32] = "";

	comparisons++;
	if (snprintf_(buffer, SIZE_MAX, "%s %d", "text", 5) != 6 || strcmp(buffer, "text 5"))
		show_difference("%s %d", "snprintf_", SIZE_MAX, 6, (int)strlen(buffer));
}

int main(void)
{
	check_table();
	check_stars();
	check_sequences();
	check_ignored();
	check_unsupported();
	check_lengths();
	check_wrapper();
	printf("%lu comparisons, %lu differences\n", comparisons, differences);
	return differences > 0;
}
