// SPDX-License-Identifier: BSD-3-Clause
/*
 * printf_write KIND LENGTH SCRIPT: print LENGTH bytes to standard output with
 * printf_, through a write() that behaves as SCRIPT says, one letter a call:
 *	.	as usual, as all calls after the script's end
 *	s	short: half of the bytes (at least one) are written
 *	0	nothing is written, and the result is 0
 *	i a p	fails with EINTR, EAGAIN, EPIPE
 * KIND is the kind of text: text (letters from a to z, repeated),
 * zeros (and a final 7), left (an x, then spaces), right (spaces, then an x), or
 * overflow (as right, and then zeros up to INT_MAX + 1 bytes).
 *
 * Reports to standard error: a line "write N = RESULT" for each call, N the bytes
 * it was asked to write; then "result RESULT errno ERRNO", errno having been
 * ERRNO_BEFORE; then "stack N", the bytes of stack between main and write.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define OSMEM_PRINTF_NO_MACROS
#include "printf.h"

#define TEXT_MAX 65536
#define ERRNO_BEFORE 77

static const char *script = "";
static char report[TEXT_MAX];
static size_t reported;
static uintptr_t lowest_frame = UINTPTR_MAX;

static ssize_t fail(int error)
{
	errno = error;
	return -1;
}

static ssize_t scripted_write(char how, int fd, const void *bytes, size_t n)
{
	switch (how) {
	case 'i':
		return fail(EINTR);
	case 'a':
		return fail(EAGAIN);
	case 'p':
		return fail(EPIPE);
	case '0':
		return 0;
	case 's':
		n = (n + 1) / 2;
		break;
	}
	return syscall(SYS_write, fd, bytes, n);
}

/* Replaces the C library's write(). */
ssize_t write(int fd, const void *bytes, size_t n)
{
	uintptr_t frame = (uintptr_t)__builtin_frame_address(0);
	char how = *script != '\0' ? *script++ : '.';
	ssize_t result = scripted_write(how, fd, bytes, n);
	int error = errno;

	if (frame < lowest_frame)
		lowest_frame = frame;
	if (reported < sizeof(report))
		reported += (size_t)snprintf(report + reported, sizeof(report) - reported,
					     "write %zu = %zd\n", n, result);
	errno = error;
	return result;
}

static int print(const char *kind, int length)
{
	static char letters[TEXT_MAX];

	for (size_t i = 0; i < TEXT_MAX; i++)
		letters[i] = (char)('a' + i % 26);
	errno = ERRNO_BEFORE;
	if (strcmp(kind, "zeros") == 0)
		return printf_("%0*d", length, 7);
	if (strcmp(kind, "left") == 0)
		return printf_("%-*s", length, "x");
	if (strcmp(kind, "right") == 0)
		return printf_("%*c", length, 'x');
	if (strcmp(kind, "overflow") == 0)
		return printf_("%*c%.*d", length, 'x', INT_MAX - length + 2, 7);
	return printf_("%.*s", length, letters);
}

int main(int argc, char **argv)
{
	uintptr_t frame = (uintptr_t)__builtin_frame_address(0);
	int result;
	int error;

	if (argc != 4) {
		fprintf(stderr, "usage: printf_write KIND LENGTH SCRIPT\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	script = argv[3];
	result = print(argv[1], atoi(argv[2]));
	error = errno;
	fprintf(stderr, "%sresult %d errno %d\n", report, result, error);
	if (lowest_frame < frame)
		fprintf(stderr, "stack %zu\n", (size_t)(frame - lowest_frame));
	return 0;
}
