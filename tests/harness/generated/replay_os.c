// SPDX-License-Identifier: BSD-3-Clause
/*
 * The replay driver's answer, and the system calls of the library.
 *
 * brk, sbrk, mmap and munmap are defined here and take precedence over the C
 * library's. They behave like those (sbrk queries the break only while it is
 * unknown), except that they are logged, fail when told to, and choose the addresses
 * of mappings. A refused mmap or munmap sets errno to EAGAIN, as the kernel may: the
 * library itself must set ENOMEM (B1).
 */
#define _GNU_SOURCE
#include "replay.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define HEAP_SPAN	0x1000000000UL	/* the heap is not larger than this */

/* No address of a mapping is reused, so stale pointers stay stale. */
#define MAPS_BASE	0x600000000000UL	/* above the heap, below everything else */
#define MAPS_STRIDE	0x80000000UL
#define MAPS_LIMIT	0x40000000UL	/* a longer mapping fails, on every machine */

struct report *report;
char *heap_start;
unsigned long early_calls;
bool inside;

static char *known_break;		/* NULL until it is queried, as in the C library */
static unsigned long call_count;
static unsigned long failing[MAX_OPS];
static unsigned int nfailing;
static unsigned long maps_made;

/* ---- the answer ---- */

void put_text(const char *text)
{
	size_t length = strlen(text);

	if (report->length + length >= OUT_BYTES)
		_exit(3);
	memcpy(report->text + report->length, text, length);
	report->length += length;
}

void put_number(unsigned long number, unsigned int base)
{
	char digits[24];
	char *at = digits + sizeof(digits) - 1;

	*at = '\0';
	do {
		*--at = "0123456789abcdef"[number % base];
		number /= base;
	} while (number);
	put_text(at);
}

bool is_mapped(uintptr_t address)
{
	return address >= MAPS_BASE + MAPS_STRIDE &&
	       address < MAPS_BASE + (maps_made + 1) * MAPS_STRIDE;
}

void put_address(const void *pointer)
{
	uintptr_t address = (uintptr_t)pointer;
	uintptr_t from_start = address - (uintptr_t)heap_start;

	if (!address) {
		put_text("0");
	} else if (is_mapped(address)) {
		put_number((address - MAPS_BASE) / MAPS_STRIDE, 10);
		put_text("+");
		put_number((address - MAPS_BASE) % MAPS_STRIDE, 16);
	} else if (from_start < HEAP_SPAN) {
		put_text("h");
		put_number(from_start, 16);
	} else {
		put_text("?");
	}
}

/* ---- system calls: logged, and failing when told to ---- */

/* Logs a system call, also one outside the API; whether the call must fail. */
static bool begin_call(const char *name)
{
	unsigned long number = call_count;

	if (!report) {
		early_calls++;
		return false;
	}
	if (!inside)
		put_text("outside:");
	put_text(name);
	if (!inside)
		return false;
	call_count++;
	for (unsigned int i = 0; i < nfailing; i++)
		if (failing[i] == number)
			return true;
	return false;
}

static void end_call(bool failed)
{
	if (report)
		put_text(failed ? "! " : " ");
}

static char *raw_brk(char *address)
{
	return (char *)syscall(SYS_brk, address);
}

/* Queries the break, as brk(NULL) and the first sbrk() do. */
static int ask_break(void)
{
	bool failed = begin_call("q");

	if (!failed)
		known_break = raw_brk(NULL);
	else
		errno = ENOMEM;
	end_call(failed);
	return failed ? -1 : 0;
}

int brk(void *address)
{
	bool failed;

	if (!address)
		return ask_break();
	failed = begin_call("b");
	if (report)
		put_number((uintptr_t)address - (uintptr_t)heap_start, 16);
	if (!failed)
		known_break = raw_brk(address);
	failed = failed || known_break < (char *)address;
	end_call(failed);
	if (failed)
		errno = ENOMEM;
	return failed ? -1 : 0;
}

void *sbrk(intptr_t delta)
{
	char *old;

	if (!known_break && ask_break() < 0)
		return (void *)-1;
	old = known_break;
	if (delta && brk(old + delta) < 0)
		return (void *)-1;
	return old;
}

/* Logs arguments that differ from the contract's, so that the answer cannot match (M1). */
static void put_odd_arguments(const void *address, int prot, int flags, int fd, off_t offset)
{
	if (!address && prot == (PROT_READ | PROT_WRITE) &&
	    flags == (MAP_PRIVATE | MAP_ANONYMOUS) && fd == -1 && !offset)
		return;
	put_text(",odd:");
	put_number((uintptr_t)address, 16);
	put_text(",");
	put_number((unsigned int)prot, 16);
	put_text(",");
	put_number((unsigned int)flags, 16);
}

void *mmap(void *address, size_t length, int prot, int flags, int fd, off_t offset)
{
	bool failed = begin_call("M") || length > MAPS_LIMIT;
	long at = -1;

	if (!report)
		return (void *)syscall(SYS_mmap, address, length, prot, flags, fd, offset);
	put_number(length, 10);
	put_odd_arguments(address, prot, flags, fd, offset);
	if (!failed)
		at = syscall(SYS_mmap, MAPS_BASE + (maps_made + 1) * MAPS_STRIDE, length, prot,
			     flags | MAP_FIXED_NOREPLACE | MAP_NORESERVE, fd, offset);
	if (at != -1) {
		put_text("=");
		put_number(++maps_made, 10);
	} else {
		errno = EAGAIN;
	}
	end_call(at == -1);
	return (void *)at;
}

int munmap(void *address, size_t length)
{
	bool failed = begin_call("U");

	if (report) {
		put_address(address);
		put_text(":");
		put_number(length, 10);
	}
	if (failed)
		errno = EAGAIN;
	else
		failed = syscall(SYS_munmap, address, length) < 0;
	end_call(failed);
	return failed ? -1 : 0;
}

/* ---- for the program itself ---- */

/* Starts the answer and records the program break; system calls from here on are logged. */
void report_begin(void)
{
	heap_start = raw_brk(NULL);
	report = (struct report *)syscall(SYS_mmap, NULL, sizeof(*report), PROT_READ | PROT_WRITE,
					  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (report == MAP_FAILED)
		_exit(2);
}

/* An address at which nothing is ever mapped. */
uintptr_t unmapped_address(void)
{
	return MAPS_BASE - MAPS_STRIDE;
}

char *current_break(void)
{
	return known_break ? known_break : heap_start;
}

/* The program's own sbrk(), which is not logged and never fails. */
void foreign_sbrk(intptr_t delta)
{
	known_break = raw_brk(current_break() + delta);
}

/* Makes the nth system call from now fail. */
void fail_call(unsigned long nth)
{
	if (nfailing < MAX_OPS)
		failing[nfailing++] = call_count + nth - 1;
}
