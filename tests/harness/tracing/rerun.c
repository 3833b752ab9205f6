// SPDX-License-Identifier: BSD-3-Clause
/*
 * A library that is preloaded into a failed test program for a second run without the tracer
 * (rerun.py). It reports what a trace cannot show, as lines on descriptor REPORT, which the program
 * does not know:
 *
 * - start ADDRESS: the program break before main
 * - headers WHEN BREAK: WHEN is before or after call number RERUN_CALL
 * - block ADDRESS SIZE STATUS: a header in the heap; the list ends at the first invalid header
 * - stop SIGNAL ADDRESS HOW SP BREAK GONE: the signal that ended the program, the fault address,
 *   the kind of access, the stack pointer, the break, and whether munmap() had removed the address
 * - look: before another stack of a program that hangs, sampled earlier
 * - exit STATUS NAME: exit() or _exit() ended the program
 * - frame FILE OFFSET NAME: a function of the call stack, innermost first
 *
 * Numbers are hexadecimal. SIGPROF and SIGALRM, from the timers of confine -t, mean that the
 * program hangs.
 */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>
#include <unwind.h>

#define REPORT 60		/* as in rerun.py */
#define MOST_NAME 200		/* characters of the name of a file or a function */
#define MOST_FRAMES 40
#define MOST_HEADERS 400
#define MOST_GONE 256
#define MOST_LOOKS 40		/* samples of the stack of a program that hangs */
#define STACK (64 << 10)

#if defined(__x86_64__)
#define PC(context) ((uintptr_t)(context)->uc_mcontext.gregs[REG_RIP])
#define SP(context) ((uintptr_t)(context)->uc_mcontext.gregs[REG_RSP])
#define PAGE_FAULT 14

/* The kind of access that caused a fault. */
static const char *how(const ucontext_t *context)
{
	if (context->uc_mcontext.gregs[REG_TRAPNO] != PAGE_FAULT)
		return "used";
	return context->uc_mcontext.gregs[REG_ERR] & 2 ? "written" : "read";
}
#elif defined(__aarch64__)
#define PC(context) ((uintptr_t)(context)->uc_mcontext.pc)
#define SP(context) ((uintptr_t)(context)->uc_mcontext.sp)
static const char *how(const ucontext_t *context)
{
	(void)context;
	return "used";
}
#else
#error "rerun.c knows x86-64 and arm64 only"
#endif

/* As in utils/block_meta.h, which would also replace printf. */
struct block_meta {
	size_t size;
	int status;
	struct block_meta *prev, *next;
};

struct range {
	uintptr_t begin, end;
};

static uintptr_t heap_start;
static unsigned long wanted_call, calls, depth;
static struct range gone[MOST_GONE];	/* the last ranges that munmap() removed */
static unsigned long times_gone;
static char signal_stack[STACK];

/* The library's functions, which those below wrap. */
static void *(*real_malloc)(size_t), *(*real_calloc)(size_t, size_t);
static void *(*real_realloc)(void *, size_t);
static void (*real_free)(void *);

__attribute__((format(printf, 1, 2)))
static void say(const char *format, ...)
{
	char line[512];
	size_t used;
	va_list rest;
	int length;

	va_start(rest, format);
	length = vsnprintf(line, sizeof(line) - 1, format, rest);
	va_end(rest);
	if (length < 0)
		return;
	used = strlen(line);
	line[used] = '\n';
	if (write(REPORT, line, used + 1) < 0)
		syscall(SYS_exit_group, 1);
}

static uintptr_t program_break(void)
{
	return (uintptr_t)syscall(SYS_brk, 0);
}

/* ---- headers ---- */

/*
 * The address of the header behind b: b->next if that is higher up in the heap, else the end of
 * the block by its size; 0 if neither is in the heap.
 */
static uintptr_t next_header(const struct block_meta *b, uintptr_t end)
{
	uintptr_t here = (uintptr_t)b;
	uintptr_t next = (uintptr_t)b->next;
	uintptr_t least = here + sizeof(*b);

	if (next % 8 == 0 && next >= least && next <= end - sizeof(*b))
		return next;
	if (b->size > end - least)
		return 0;
	next = (least + b->size + 7) / 8 * 8;
	return next <= end - sizeof(*b) ? next : 0;
}

static void show_headers(const char *when)
{
	uintptr_t end = program_break();
	uintptr_t here = heap_start;

	say("headers %s %lx", when, end);
	if (end < heap_start + sizeof(struct block_meta))
		return;
	for (int i = 0; here && i < MOST_HEADERS; i++) {
		const struct block_meta *b = (const struct block_meta *)here;

		say("block %lx %zx %x", here, b->size, (unsigned int)b->status);
		here = next_header(b, end);
	}
}

/* enter() and leave() run at the start and at the end of each call that the program makes. */
static void enter(void)
{
	if (depth++ == 0 && ++calls == wanted_call)
		show_headers("before");
}

static void leave(void)
{
	if (--depth == 0 && calls == wanted_call)
		show_headers("after");
}

/* ---- wrappers of the library's and the C library's functions ---- */

void *os_malloc(size_t size)
{
	void *made;

	enter();
	made = real_malloc(size);
	leave();
	return made;
}

void *os_calloc(size_t nmemb, size_t size)
{
	void *made;

	enter();
	made = real_calloc(nmemb, size);
	leave();
	return made;
}

void *os_realloc(void *ptr, size_t size)
{
	void *made;

	enter();
	made = real_realloc(ptr, size);
	leave();
	return made;
}

void os_free(void *ptr)
{
	enter();
	real_free(ptr);
	leave();
}

int munmap(void *address, size_t length)
{
	uintptr_t begin = (uintptr_t)address;
	long failed = syscall(SYS_munmap, address, length);

	if (!failed)
		gone[times_gone++ % MOST_GONE] = (struct range){ begin, begin + length };
	return (int)failed;
}

static int is_gone(uintptr_t address)
{
	for (int i = 0; i < MOST_GONE; i++)
		if (address >= gone[i].begin && address < gone[i].end)
			return 1;
	return 0;
}

/* ---- the end ---- */

struct walk {
	uintptr_t from;		/* skip the handler's frames before this one; 0: show all */
	int count;
};

/* Copies a name of a file or function as one printable word; the submission may have chosen it. */
static const char *word_of(const char *name, char *word)
{
	size_t used = 0;

	for (; name && name[used] && used < MOST_NAME; used++)
		word[used] = name[used] > ' ' && name[used] <= '~' ? name[used] : '?';
	word[used] = '\0';
	return used ? word : "?";
}

static void show_frame(uintptr_t pc)
{
	Dl_info info;
	const char *file;
	char file_word[MOST_NAME + 1], name_word[MOST_NAME + 1];

	if (!dladdr((void *)pc, &info) || !info.dli_fname) {
		say("frame ? %lx ?", pc);
		return;
	}
	file = strrchr(info.dli_fname, '/');
	say("frame %s %lx %s", word_of(file ? file + 1 : info.dli_fname, file_word),
	    pc - (uintptr_t)info.dli_fbase, word_of(info.dli_sname, name_word));
}

static _Unwind_Reason_Code step(struct _Unwind_Context *context, void *data)
{
	struct walk *walk = data;
	int before_call = 0;
	uintptr_t pc = _Unwind_GetIPInfo(context, &before_call);

	if (walk->from && pc != walk->from)
		return _URC_NO_REASON;
	walk->from = 0;
	if (!pc || walk->count++ == MOST_FRAMES)
		return _URC_END_OF_STACK;
	/* A return address lies behind the call; the byte before it belongs to the call's line. */
	show_frame(before_call ? pc : pc - 1);
	return _URC_NO_REASON;
}

static void show_stack(uintptr_t from)
{
	struct walk walk = { .from = from };

	_Unwind_Backtrace(step, &walk);
}

/* Samples the stack of a program that uses processor time; whether it runs on for more samples. */
static int goes_on(int number, const ucontext_t *context)
{
	static int looks;
	int error = errno;

	if (number != SIGPROF || looks++ == MOST_LOOKS)
		return 0;
	say("look");
	show_stack(PC(context));
	errno = error;
	return 1;
}

static void stopped(int number, siginfo_t *info, void *data)
{
	const ucontext_t *context = data;
	uintptr_t address = (uintptr_t)info->si_addr;

	if (goes_on(number, context))
		return;
	if (number == SIGALRM && clock() > CLOCKS_PER_SEC / 10)
		number = SIGPROF;	/* it computed, though slowly: the machine is busy */
	say("stop %x %lx %s %lx %lx %x", (unsigned int)number, address, how(context), SP(context),
	    program_break(), (unsigned int)is_gone(address));
	show_stack(PC(context));
	syscall(SYS_exit_group, 1);
}

static void ended(const char *name, int status)
{
	say("exit %x %s", (unsigned int)status, name);
	show_stack(0);
}

void exit(int status)
{
	if (depth)
		ended("exit", status);
	_exit(status);
}

void _exit(int status)
{
	static int told;

	if (depth && !told++)
		ended("_exit", status);
	syscall(SYS_exit_group, status);
	__builtin_unreachable();
}

/* ---- the start ---- */

static void watch(int number)
{
	struct sigaction action = { .sa_sigaction = stopped,
				    .sa_flags = SA_SIGINFO | SA_ONSTACK };

	if (number != SIGPROF)
		action.sa_flags |= (int)SA_RESETHAND;
	sigfillset(&action.sa_mask);
	sigaction(number, &action, NULL);
}

__attribute__((constructor)) static void begin(void)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS,
				       SIGPROF, SIGALRM };
	const char *call = getenv("RERUN_CALL");
	stack_t stack = { .ss_sp = signal_stack, .ss_size = sizeof(signal_stack) };

	*(void **)&real_malloc = dlsym(RTLD_NEXT, "os_malloc");
	*(void **)&real_calloc = dlsym(RTLD_NEXT, "os_calloc");
	*(void **)&real_realloc = dlsym(RTLD_NEXT, "os_realloc");
	*(void **)&real_free = dlsym(RTLD_NEXT, "os_free");
	wanted_call = call ? strtoul(call, NULL, 10) : 0;
	sigaltstack(&stack, NULL);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		watch(signals[i]);
	fcntl(REPORT, F_SETFD, FD_CLOEXEC);
	unsetenv("RERUN_CALL");		/* as in the traced run's environment */
	unsetenv("LD_PRELOAD");
	heap_start = program_break();
	say("start %lx", heap_start);
}
