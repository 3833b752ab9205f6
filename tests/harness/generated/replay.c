// SPDX-License-Identifier: BSD-3-Clause
/*
 * replay - runs sequences of os_* calls and writes all observable effects
 *
 * One line of standard input is one sequence: operations separated by `;`. Each
 * sequence runs in a fresh child, because the heap starts once per process (F1).
 *
 *	m N	os_malloc(N)			s N	the program's own sbrk(N), N < 0 too
 *	c K N	os_calloc(K, N)			x K	the K-th system call from now fails (B1)
 *	r P N	os_realloc(P, N)		v	verify all contents after every call
 *	f P	os_free(P)			w	write down the heap (below)
 *
 * P is BASE, BASE+N or BASE-N. BASE is the number of an earlier operation in the
 * sequence, counted from 0 (its result), or one of nil, heap, brk, stack, data,
 * code, hole, top. The answer has one line per operation,
 *
 *	q b20000 = h20 0 104:1
 *
 * that is the system calls (q: query of the break; bA: brk moved to A; Mlength=number;
 * UA:length; `!` behind a call that failed), the result, errno, and the size and
 * status in the block's header; then a word for each error. Addresses are hN (heap
 * start + N) or M+N (mapping M), N hexadecimal. After the operations come `live`
 * (every live block), `heap` (every heap block, if the library has osmem_walk) and
 * a line with a single dot.
 *
 * The library under test is unchanged. Its system calls are logged because brk,
 * sbrk, mmap and munmap in this executable take precedence over the C library's.
 * The driver itself does not use a heap.
 */
#define _GNU_SOURCE
#include "replay.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define LINE_BYTES	0x40000
#define HANG_SECONDS	10

static int new_stderr(void)
{
	int fd = memfd_create("stderr", MFD_CLOEXEC);

	if (fd < 0)
		_exit(2);
	return fd;
}

/* Whether the text is exactly `osmem: os_free(): WORDS 0xADDRESS` and a newline (B4). */
static bool is_misuse_report(const char *text)
{
	static const char begin[] = "osmem: os_free(): ";
	const char *hex = strstr(text, " 0x");
	uintptr_t address = 0;

	if (strncmp(text, begin, sizeof(begin) - 1) || !hex)
		return false;
	if (hex < text + sizeof(begin))
		return false;
	for (hex += 3; *hex && *hex != '\n'; hex++) {
		const char *digit = strchr("0123456789abcdef", *hex);

		if (!digit)
			return false;
		address = address * 16 + (uintptr_t)(digit - "0123456789abcdef");
	}
	return address == report->freed && !strcmp(hex, "\n");
}

/* Moves the child's stderr into the answer, unless it is a correct misuse report; whether it is. */
static bool take_stderr(int fd)
{
	char text[512];
	ssize_t length = pread(fd, text, sizeof(text) - 1, 0);
	bool expected;

	text[length > 0 ? length : 0] = '\0';
	expected = report->freed && is_misuse_report(text);
	if (length > 0 && !expected) {
		put_text(" stderr: ");
		put_text(text);
	}
	if (length > 0 && (ftruncate(fd, 0) < 0 || lseek(fd, 0, SEEK_SET) < 0))
		_exit(2);
	return expected;
}

static void put_end(int status, bool misuse_reported)
{
	if (WIFEXITED(status) && !WEXITSTATUS(status))
		return;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT && misuse_reported) {
		put_text("abort\n");
		return;
	}
	put_text(WIFSIGNALED(status) ? " killed by signal " : " exited with status ");
	put_number((unsigned int)(WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status)),
		   10);
	put_text("\n");
}

static void write_answer(void)
{
	size_t done = 0;

	while (done < report->length) {
		ssize_t count = write(STDOUT_FILENO, report->text + done, report->length - done);

		if (count < 0 && errno != EINTR)
			_exit(2);
		done += count > 0 ? (size_t)count : 0;
	}
	report->length = 0;
}

static void fork_sequence(const char *text, int stderr_fd)
{
	int status = 0;
	pid_t child;

	report->freed = 0;
	child = fork();
	if (child < 0)
		_exit(2);
	if (!child) {
		dup2(stderr_fd, STDERR_FILENO);
		alarm(HANG_SECONDS);
		run_sequence(text);
		_exit(0);
	}
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	put_end(status, take_stderr(stderr_fd));
	put_text(".\n");
	write_answer();
}

/* The next line of standard input without its newline; NULL at the end. */
static char *read_line(void)
{
	static char buffer[LINE_BYTES + 1];
	static size_t begin, end;

	for (;;) {
		char *line = buffer + begin;
		char *newline = memchr(line, '\n', end - begin);
		ssize_t count;

		if (newline) {
			*newline = '\0';
			begin = (size_t)(newline - buffer) + 1;
			return line;
		}
		memmove(buffer, line, end - begin);
		end -= begin;
		begin = 0;
		count = read(STDIN_FILENO, buffer + end, LINE_BYTES - end);
		if (count <= 0)
			return NULL;
		end += (size_t)count;
	}
}

int main(void)
{
	const struct rlimit no_core = { 0, 0 };
	int stderr_fd = new_stderr();
	char *line;

	setrlimit(RLIMIT_CORE, &no_core);
	report_begin();
	put_text("replay");
	put_abilities();
	put_text(" early=");
	put_number(early_calls, 10);
	put_text("\n");
	write_answer();
	for (line = read_line(); line; line = read_line())
		fork_sequence(line, stderr_fd);
	return 0;
}
