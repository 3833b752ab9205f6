/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Declarations that the three files of the replay driver share.
 *
 *	replay.c	reads sequences, forks a child for each, reports how the child ended
 *	replay_ops.c	the operations, and the program's record of its blocks
 *	replay_os.c	the answer's text; the library's system calls
 */

#ifndef REPLAY_H
#define REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAX_OPS		8192		/* operations of one sequence */
#define OUT_BYTES	0x400000	/* the longest answer */

struct report {
	size_t length;
	uintptr_t freed;		/* argument of the os_free in progress, or 0 */
	char text[OUT_BYTES];
};

/* replay_os.c */
extern struct report *report;		/* shared with the child; NULL before main */
extern char *heap_start;
extern unsigned long early_calls;	/* system calls before main (Y2) */
extern bool inside;			/* a call of the API is in progress */

void put_text(const char *text);
void put_number(unsigned long number, unsigned int base);
void put_address(const void *pointer);
bool is_mapped(uintptr_t address);
uintptr_t unmapped_address(void);
char *current_break(void);
void foreign_sbrk(intptr_t delta);
void fail_call(unsigned long nth);
void report_begin(void);

/* replay_ops.c */
void run_sequence(const char *text);
void put_abilities(void);

#endif
