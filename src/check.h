/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Reports a misuse of the library: writes one line to stderr and aborts (B4). Always enabled. The
 * only system calls are that write and those of abort().
 */

#ifndef CHECK_H
#define CHECK_H

/* The name of the running API function, for the report. Protected by the library's lock. */
extern const char *check_api;

/* Writes "osmem: <api>(): <what> <address>" and aborts. */
_Noreturn void check_fail(const char *what, const void *address);

#endif
