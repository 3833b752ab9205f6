// SPDX-License-Identifier: BSD-3-Clause
/*
 * The program that plays all generated tests. It reads the calls from standard input, so neither
 * its name nor its code shows which sequence it plays. Like the suite's programs, it is traced and
 * checks headers and contents itself (snippet.h).
 *
 * Operations are separated by `;`. A `!` behind an operation means that it must be refused.
 *
 *	m N	os_malloc(N)			l	from now on memory cannot grow (ENOMEM)
 *	c K N	os_calloc(K, N)			b	memory can grow again
 *	r P N	os_realloc(P, N)		u	from now on munmap is refused (ENOMEM)
 *	f P	os_free(P)
 *
 * P is the number of an earlier operation, counted from 0 (its result), or nil.
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#define MOST_BLOCKS	4096
#include "snippet.h"

/* A library may lack functions; sequences that do not call these can still be played. */
#pragma weak os_malloc
#pragma weak os_calloc
#pragma weak os_realloc
#pragma weak os_free

#define MAX_OPS		MOST_BLOCKS
#define INPUT_BYTES	(1 << 18)
#define STACK_BYTES	(1 << 17)	/* for library code while memory cannot grow */
#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))

/* Stands for `nil` in place of the number of an operation. */
#define NIL		MAX_OPS

struct operation {
	size_t first, second;
	int letter, refused;
};

static char input[INPUT_BYTES];
static void *results[MAX_OPS];
static int live[MAX_OPS];
static unsigned int made;

/* ---- reading ---- */

static void read_input(void)
{
	size_t length = 0;
	ssize_t count;

	do {
		count = read(STDIN_FILENO, input + length, INPUT_BYTES - 1 - length);
		length += count > 0 ? (size_t)count : 0;
	} while (count > 0);
}

static size_t read_number(const char **text)
{
	size_t number = 0;

	while (**text == ' ')
		(*text)++;
	if (**text == 'n') {
		*text += sizeof("nil") - 1;
		return NIL;
	}
	while (**text >= '0' && **text <= '9')
		number = number * 10 + (size_t)(*(*text)++ - '0');
	return number;
}

/* Reads the operation at the start of the text, and advances the text behind its `;`. */
static struct operation read_operation(const char **text)
{
	struct operation operation = { 0 };

	while (**text == ' ' || **text == '\n')
		(*text)++;
	operation.letter = **text;
	if (**text != '\0')
		(*text)++;
	operation.first = read_number(text);
	operation.second = read_number(text);
	while (**text != '\0' && **text != ';') {
		operation.refused |= **text == '!';
		(*text)++;
	}
	if (**text == ';')
		(*text)++;
	return operation;
}

/* ---- memory that runs out ---- */

static void let_memory_grow(int allowed)
{
	struct rlimit limit;

	CHECK(getrlimit(RLIMIT_AS, &limit) == 0, "getrlimit failed");
	limit.rlim_cur = allowed ? limit.rlim_max : PAGE;
	CHECK(setrlimit(RLIMIT_AS, &limit) == 0, "setrlimit failed");
}

static void refuse_munmap(void)
{
	struct sock_filter rules[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_munmap, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOMEM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = COUNT(rules), .filter = rules };

	CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0, "no seccomp here");
}

/* Grows the stack now, because it cannot grow while memory is refused. */
static void touch_stack(void)
{
	char stack[STACK_BYTES];

	for (size_t i = 0; i < sizeof(stack); i += PAGE)
		stack[i] = 0;
	__asm__("" : : "r"(stack) : "memory");
}

/* ---- calls ---- */

static void check_refusal(const struct operation *operation, const void *result, int error)
{
	CHECK(!operation->refused || !result, "a refused request returned memory (B1)");
	CHECK(!operation->refused || error == ENOMEM, "a refused request did not set ENOMEM (B1)");
}

static void take_new(const struct operation *operation, void *result, size_t size)
{
	int error = errno;

	check_refusal(operation, result, error);
	if (!result)
		return;
	CHECK(operation->letter != 'c' || is_zero(result, size),
	      "memory from calloc is not zero (H6)");
	use(result, size);
	results[made] = result;
	live[made] = 1;
}

static void take_resized(const struct operation *operation, void *old, size_t old_size)
{
	void *result = os_realloc(old, operation->second);
	int error = errno;
	size_t kept = smaller(old_size, round_up(operation->second));

	check_refusal(operation, result, error);
	if (operation->refused)
		return;
	live[operation->first] = 0;
	forget(old);
	if (!result)
		return;
	CHECK(filled(result, (uintptr_t)old, kept), "resizing lost contents (X9)");
	use(result, operation->second);
	results[made] = result;
	live[made] = 1;
}

static void resize(const struct operation *operation)
{
	size_t size = operation->second;

	if (operation->first == NIL)
		take_new(operation, os_realloc(NULL, size), size);
	else if (live[operation->first])
		take_resized(operation, results[operation->first],
			     size_of(results[operation->first]));
	else
		CHECK(!os_realloc(results[operation->first], size),
		      "a free block was resized (X2)");
}

static void release(const struct operation *operation)
{
	if (operation->first == NIL) {
		os_free(NULL);
		return;
	}
	os_free(results[operation->first]);
	if (operation->refused)
		return;
	live[operation->first] = 0;
	forget(results[operation->first]);
}

static void check_defined(int letter)
{
	CHECK(letter != 'm' || os_malloc, "os_malloc is not defined in your library");
	CHECK(letter != 'c' || os_calloc, "os_calloc is not defined in your library");
	CHECK(letter != 'r' || os_realloc, "os_realloc is not defined in your library");
	CHECK(letter != 'f' || os_free, "os_free is not defined in your library");
}

static void play(const struct operation *operation)
{
	size_t first = operation->first;

	check_defined(operation->letter);
	errno = 0;
	if (operation->letter == 'm')
		take_new(operation, os_malloc(first), first);
	else if (operation->letter == 'c')
		take_new(operation, os_calloc(first, operation->second),
			 first * operation->second);
	else if (operation->letter == 'r')
		resize(operation);
	else if (operation->letter == 'f')
		release(operation);
	else if (operation->letter == 'u')
		refuse_munmap();
	else
		let_memory_grow(operation->letter == 'b');
}

static void verify_all(void)
{
	for (unsigned int i = 0; i < made; i++)
		if (live[i])
			verify(results[i]);
}

int main(void)
{
	const char *text = input;

	touch_stack();
	read_input();
	while (made < MAX_OPS) {
		struct operation operation = read_operation(&text);

		if (operation.letter == '\0')
			break;
		play(&operation);
		made++;
		verify_all();
	}
	return 0;
}
