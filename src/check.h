/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What happens when a program broke the rules: one line on stderr and abort
 * (B4). Always on. Makes no system call but that write and abort's own.
 */

#ifndef CHECK_H
#define CHECK_H

/*
 * Remembers which API function is running, for the report. The caller holds
 * the library's lock.
 */
void check_enter(const char *api);

/* Writes "osmem: <api>(): <what> <address>" and aborts. */
_Noreturn void check_fail(const char *what, const void *address);

#endif
