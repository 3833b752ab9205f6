/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What happens when a program broke the rules: one line on stderr and abort
 * (B4). Always on. Makes no system call but that write and abort's own.
 */

#ifndef CHECK_H
#define CHECK_H

/* The API function that is running, for the report; set under the library's lock. */
extern const char *check_api;

/* Writes "osmem: <api>(): <what> <address>" and aborts. */
_Noreturn void check_fail(const char *what, const void *address);

/* Writes "<product>: <api>(): <what> <address>" and aborts. */
_Noreturn void check_report(const char *product, const char *api, const char *what,
			    const void *address);

#endif
