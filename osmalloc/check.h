/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Reports a misuse of the library: writes one line to stderr and aborts. Always enabled. The only
 * system calls are that write and those of abort().
 */

#ifndef CHECK_H
#define CHECK_H

/* Writes "osmalloc: <api>(): <what> <address>" and aborts. */
_Noreturn void check_report(const char *api, const char *what, const void *address);

#endif
