// SPDX-License-Identifier: BSD-3-Clause
/*
 * Formatted output without a heap; printf.h documents it.
 *
 * A call creates one struct out on its stack and renders the format into it from left
 * to right: it copies plain text, and parses each conversion specification into a
 * struct spec and converts it. For snprintf_(), the buffer of struct out is the
 * caller's, and text that does not fit is dropped. For a descriptor it is a local
 * buffer, which is written when it is full and more text follows.
 */
#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#define OSMEM_PRINTF_NO_MACROS
#include "printf.h"

/* Weak: a library may define its own functions with these names. */
#pragma weak printf_
#pragma weak vprintf_
#pragma weak dprintf_
#pragma weak vdprintf_
#pragma weak snprintf_
#pragma weak vsnprintf_

/* An octal digit holds 3 bits, and no base prints more digits than octal. */
#define DIGITS_MAX ((sizeof(uintmax_t) * CHAR_BIT + 2) / 3)
#define PRECISION_NONE SIZE_MAX

static_assert(PRINTF_ATOMIC <= PIPE_BUF, "a pipe keeps the text of an atomic call together");

/* The flag characters; the bit of the one at position i is 1 << i. */
#define FLAGS "-+ #0"

enum flag {
	FLAG_LEFT = 1,
	FLAG_PLUS = 2,
	FLAG_SPACE = 4,
	FLAG_ALTERNATE = 8,
	FLAG_ZERO = 16,
};

enum length {
	LENGTH_INT,		/* none */
	LENGTH_CHAR,		/* hh */
	LENGTH_SHORT,		/* h */
	LENGTH_LONG,		/* l */
	LENGTH_LONG_LONG,	/* ll, L */
	LENGTH_SIZE,		/* z */
	LENGTH_PTRDIFF,		/* t */
	LENGTH_INTMAX,		/* j */
};

/* Where the text goes. */
struct out {
	char *buffer;
	size_t size;	/* bytes in buffer, except the one for a final '\0' */
	size_t used;	/* bytes of text in buffer */
	size_t total;	/* bytes of text so far, including dropped ones; at most INT_MAX */
	int fd;		/* valid if to_fd */
	bool to_fd;	/* write a full buffer to fd instead of dropping further text */
	int error;	/* 0, or the errno that ended the call */
};

/* One conversion specification: %[flags][width][.precision][length]conversion. */
struct spec {
	unsigned int flags;
	size_t width;		/* at most INT_MAX + 1, which means too large */
	size_t precision;	/* the same, or PRECISION_NONE */
	enum length length;
	char conversion;
};

/* A va_list that functions can share; va_list itself may be an array type. */
struct args {
	va_list ap;
};

/* Output: adding text to the buffer, and writing it to a descriptor. */

/* Write the whole buffer, in as many calls as necessary. */
static void out_flush(struct out *out)
{
	int saved_errno = errno;
	size_t done = 0;

	while (done < out->used) {
		ssize_t n = write(out->fd, out->buffer + done, out->used - done);

		if (n > 0) {
			done += (size_t)n;
		} else if (n == 0 || errno != EINTR) {
			out->error = n == 0 ? EIO : errno;
			break;
		}
	}
	out->used = 0;
	errno = saved_errno;
}

/* Count n more bytes of text; false if the call has failed, now or before. */
static bool out_count(struct out *out, size_t n)
{
	if (!out->error && n > INT_MAX - out->total)
		out->error = EOVERFLOW;
	if (out->error)
		return false;
	out->total += n;
	return true;
}

/* How many of n > 0 bytes fit in the buffer now; 0 if they must be dropped. */
static size_t out_room(struct out *out, size_t n)
{
	size_t room;

	if (out->used == out->size && out->to_fd)
		out_flush(out);
	if (out->error)
		return 0;
	room = out->size - out->used;
	return n < room ? n : room;
}

/* Add n bytes of text. */
static void out_copy(struct out *out, const char *text, size_t n)
{
	size_t part;

	if (!out_count(out, n))
		return;
	while (n > 0 && (part = out_room(out, n)) > 0) {
		memcpy(out->buffer + out->used, text, part);
		out->used += part;
		text += part;
		n -= part;
	}
}

/* Add c, n times. */
static void out_fill(struct out *out, char c, size_t n)
{
	size_t part;

	if (!out_count(out, n))
		return;
	while (n > 0 && (part = out_room(out, n)) > 0) {
		memset(out->buffer + out->used, c, part);
		out->used += part;
		n -= part;
	}
}

/* The call's return value. */
static int out_result(const struct out *out)
{
	if (!out->error)
		return (int)out->total;
	errno = out->error;
	return -1;
}

/* Parsing: each function moves *at past the characters that it reads. */

static unsigned int parse_flags(const char **at)
{
	unsigned int flags = 0;
	const char *found;

	while (**at != '\0' && (found = strchr(FLAGS, **at))) {
		flags |= 1U << (found - FLAGS);
		++*at;
	}
	return flags;
}

/* Parse a decimal number; 0 if there is none, INT_MAX + 1 for any larger than INT_MAX. */
static size_t parse_number(const char **at)
{
	const size_t too_large = (size_t)INT_MAX + 1;
	size_t number = 0;

	for (; **at >= '0' && **at <= '9'; ++*at) {
		size_t digit = (size_t)(**at - '0');

		if (number > (INT_MAX - digit) / 10)
			number = too_large;
		else
			number = number * 10 + digit;
	}
	return number;
}

static void parse_width(const char **at, struct spec *spec, struct args *args)
{
	int width;

	if (**at != '*') {
		spec->width = parse_number(at);
		return;
	}
	++*at;
	width = va_arg(args->ap, int);
	if (width < 0)
		spec->flags |= FLAG_LEFT;
	spec->width = width < 0 ? 0 - (size_t)width : (size_t)width;
}

static size_t parse_precision(const char **at, struct args *args)
{
	int precision;

	if (**at != '.')
		return PRECISION_NONE;
	++*at;
	if (**at != '*')
		return parse_number(at);
	++*at;
	precision = va_arg(args->ap, int);
	return precision < 0 ? PRECISION_NONE : (size_t)precision;
}

/* Step over one character if it is c. */
static bool parse_char(const char **at, char c)
{
	if (**at != c)
		return false;
	++*at;
	return true;
}

static enum length parse_length(const char **at)
{
	if (parse_char(at, 'h'))
		return parse_char(at, 'h') ? LENGTH_CHAR : LENGTH_SHORT;
	if (parse_char(at, 'l'))
		return parse_char(at, 'l') ? LENGTH_LONG_LONG : LENGTH_LONG;
	if (parse_char(at, 'L'))
		return LENGTH_LONG_LONG;
	if (parse_char(at, 'z'))
		return LENGTH_SIZE;
	if (parse_char(at, 't'))
		return LENGTH_PTRDIFF;
	if (parse_char(at, 'j'))
		return LENGTH_INTMAX;
	return LENGTH_INT;
}

/* Parse the specification after a %; conversion is '\0' if the format ends early. */
static void parse_spec(const char **at, struct spec *spec, struct args *args)
{
	spec->flags = parse_flags(at);
	parse_width(at, spec, args);
	spec->precision = parse_precision(at, args);
	spec->length = parse_length(at);
	spec->conversion = **at;
	if (**at != '\0')
		++*at;
}

static bool spec_is_too_large(const struct spec *spec)
{
	return spec->width > INT_MAX ||
	       (spec->precision > INT_MAX && spec->precision != PRECISION_NONE);
}

/* Arguments, by length. */

static intmax_t arg_signed(enum length length, struct args *args)
{
	switch (length) {
	case LENGTH_CHAR:
		return (signed char)va_arg(args->ap, int);
	case LENGTH_SHORT:
		return (short)va_arg(args->ap, int);
	case LENGTH_LONG:
		return va_arg(args->ap, long);
	case LENGTH_LONG_LONG:
		return va_arg(args->ap, long long);
	case LENGTH_SIZE:
		return va_arg(args->ap, ssize_t);
	case LENGTH_PTRDIFF:
		return va_arg(args->ap, ptrdiff_t);
	case LENGTH_INTMAX:
		return va_arg(args->ap, intmax_t);
	default:
		return va_arg(args->ap, int);
	}
}

static uintmax_t arg_unsigned(enum length length, struct args *args)
{
	switch (length) {
	case LENGTH_CHAR:
		return (unsigned char)va_arg(args->ap, unsigned int);
	case LENGTH_SHORT:
		return (unsigned short)va_arg(args->ap, unsigned int);
	case LENGTH_LONG:
		return va_arg(args->ap, unsigned long);
	case LENGTH_LONG_LONG:
		return va_arg(args->ap, unsigned long long);
	case LENGTH_SIZE:
		return va_arg(args->ap, size_t);
	case LENGTH_PTRDIFF:
		return (size_t)va_arg(args->ap, ptrdiff_t);
	case LENGTH_INTMAX:
		return va_arg(args->ap, uintmax_t);
	default:
		return va_arg(args->ap, unsigned int);
	}
}

/* Skip the argument of an unsupported conversion; false if its type is unknown. */
static bool arg_skip(const struct spec *spec, struct args *args)
{
	switch (spec->conversion) {
	case 'a': case 'e': case 'f': case 'g':
	case 'A': case 'E': case 'F': case 'G':
		if (spec->length == LENGTH_LONG_LONG)
			(void)va_arg(args->ap, long double);
		else
			(void)va_arg(args->ap, double);
		return true;
	case 'c': case 'C':
		(void)va_arg(args->ap, int);
		return true;
	case 's': case 'S': case 'n':
		(void)va_arg(args->ap, void *);
		return true;
	case 'm':
		return true;
	default:
		return false;
	}
}

/* Conversion. */

/* Add text, padded with spaces to the width. */
static void put_text(struct out *out, const struct spec *spec, const char *text, size_t n)
{
	size_t padding = spec->width > n ? spec->width - n : 0;

	if (!(spec->flags & FLAG_LEFT))
		out_fill(out, ' ', padding);
	out_copy(out, text, n);
	if (spec->flags & FLAG_LEFT)
		out_fill(out, ' ', padding);
}

/* Write the digits of value so that they end just before end; returns their number, 0 for 0. */
static size_t digits_before(char *end, uintmax_t value, const struct spec *spec)
{
	const char *digits = spec->conversion == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
	unsigned int base = 10;
	char *first = end;

	if (strchr("xXp", spec->conversion))
		base = 16;
	else if (spec->conversion == 'o')
		base = 8;
	for (; value != 0; value /= base)
		*--first = digits[value % base];
	return (size_t)(end - first);
}

/* Number of zeros between a prefix and n digits that precision, # and 0 require. */
static size_t leading_zeros(const struct spec *spec, size_t prefix, size_t n)
{
	size_t wanted = spec->precision;

	if (wanted == PRECISION_NONE) {
		wanted = 1;
		if ((spec->flags & (FLAG_ZERO | FLAG_LEFT)) == FLAG_ZERO &&
		    spec->width > prefix + wanted)
			wanted = spec->width - prefix;
	}
	if (wanted > n)
		return wanted - n;
	return spec->conversion == 'o' && (spec->flags & FLAG_ALTERNATE);
}

/* Add a number: padding, prefix (a sign or 0x), zeros, digits, padding. */
static void put_number(struct out *out, const struct spec *spec, const char *prefix,
		       uintmax_t value)
{
	char digits[DIGITS_MAX];
	size_t n = digits_before(digits + DIGITS_MAX, value, spec);
	size_t prefix_length = strlen(prefix);
	size_t zeros = leading_zeros(spec, prefix_length, n);
	size_t length = prefix_length + zeros + n;
	size_t padding = spec->width > length ? spec->width - length : 0;

	if (!(spec->flags & FLAG_LEFT))
		out_fill(out, ' ', padding);
	out_copy(out, prefix, prefix_length);
	out_fill(out, '0', zeros);
	out_copy(out, digits + DIGITS_MAX - n, n);
	if (spec->flags & FLAG_LEFT)
		out_fill(out, ' ', padding);
}

static void put_signed(struct out *out, const struct spec *spec, intmax_t value)
{
	if (value < 0)
		put_number(out, spec, "-", 0 - (uintmax_t)value);
	else if (spec->flags & FLAG_PLUS)
		put_number(out, spec, "+", (uintmax_t)value);
	else if (spec->flags & FLAG_SPACE)
		put_number(out, spec, " ", (uintmax_t)value);
	else
		put_number(out, spec, "", (uintmax_t)value);
}

static void put_unsigned(struct out *out, const struct spec *spec, uintmax_t value)
{
	bool prefixed = (spec->flags & FLAG_ALTERNATE) && value != 0;

	if (prefixed && spec->conversion == 'x')
		put_number(out, spec, "0x", value);
	else if (prefixed && spec->conversion == 'X')
		put_number(out, spec, "0X", value);
	else
		put_number(out, spec, "", value);
}

static void put_char(struct out *out, const struct spec *spec, int c)
{
	char text = (char)(unsigned char)c;

	put_text(out, spec, &text, 1);
}

static void put_string(struct out *out, const struct spec *spec, const char *text)
{
	if (!text)
		text = spec->precision < strlen("(null)") ? "" : "(null)";
	put_text(out, spec, text, strnlen(text, spec->precision));
}

/* + and space add a sign to a pointer, as in glibc. */
static void put_pointer(struct out *out, const struct spec *spec, const void *pointer)
{
	if (!pointer)
		put_text(out, spec, "(nil)", strlen("(nil)"));
	else if (spec->flags & FLAG_PLUS)
		put_number(out, spec, "+0x", (uintptr_t)pointer);
	else if (spec->flags & FLAG_SPACE)
		put_number(out, spec, " 0x", (uintptr_t)pointer);
	else
		put_number(out, spec, "0x", (uintptr_t)pointer);
}

static bool spec_is_supported(const struct spec *spec)
{
	if (spec->conversion == '\0')
		return false;
	if (spec->length == LENGTH_LONG && strchr("cs", spec->conversion))
		return false;
	return strchr("diuxXocsp%", spec->conversion);
}

/* Convert the next argument as spec says. */
static void convert(struct out *out, const struct spec *spec, struct args *args)
{
	switch (spec->conversion) {
	case '%':
		out_copy(out, "%", 1);
		break;
	case 'c':
		put_char(out, spec, va_arg(args->ap, int));
		break;
	case 's':
		put_string(out, spec, va_arg(args->ap, const char *));
		break;
	case 'p':
		put_pointer(out, spec, va_arg(args->ap, void *));
		break;
	case 'd':
	case 'i':
		put_signed(out, spec, arg_signed(spec->length, args));
		break;
	default:
		put_unsigned(out, spec, arg_unsigned(spec->length, args));
		break;
	}
}

/* Render the specification that begins with the % at text; returns the text after it. */
static const char *render_spec(struct out *out, const char *text, struct args *args)
{
	const char *at = text + 1;
	struct spec spec;

	parse_spec(&at, &spec, args);
	if (spec_is_too_large(&spec)) {
		out->error = EOVERFLOW;
	} else if (spec_is_supported(&spec)) {
		convert(out, &spec, args);
	} else {
		if (!arg_skip(&spec, args))
			at += strlen(at);
		out_copy(out, text, (size_t)(at - text));
	}
	return at;
}

static void render(struct out *out, const char *format, va_list ap)
{
	struct args args;

	va_copy(args.ap, ap);
	while (*format != '\0' && !out->error) {
		size_t plain = strcspn(format, "%");

		out_copy(out, format, plain);
		format += plain;
		if (*format == '%')
			format = render_spec(out, format, &args);
	}
	va_end(args.ap);
}

/* The public functions. */

int vdprintf_(int fd, const char *format, va_list ap)
{
	char buffer[PRINTF_ATOMIC];
	struct out out = {
		.buffer = buffer, .size = sizeof(buffer), .fd = fd, .to_fd = true,
	};

	render(&out, format, ap);
	if (!out.error)
		out_flush(&out);
	return out_result(&out);
}

int vsnprintf_(char *buffer, size_t size, const char *format, va_list ap)
{
	struct out out = {
		.buffer = buffer, .size = size > 0 ? size - 1 : 0,
	};

	render(&out, format, ap);
	if (size > 0)
		buffer[out.used] = '\0';
	return out_result(&out);
}

int vprintf_(const char *format, va_list ap)
{
	return vdprintf_(STDOUT_FILENO, format, ap);
}

int printf_(const char *format, ...)
{
	va_list ap;
	int result;

	va_start(ap, format);
	result = vprintf_(format, ap);
	va_end(ap);
	return result;
}

int dprintf_(int fd, const char *format, ...)
{
	va_list ap;
	int result;

	va_start(ap, format);
	result = vdprintf_(fd, format, ap);
	va_end(ap);
	return result;
}

int snprintf_(char *buffer, size_t size, const char *format, ...)
{
	va_list ap;
	int result;

	va_start(ap, format);
	result = vsnprintf_(buffer, size, format, ap);
	va_end(ap);
	return result;
}
