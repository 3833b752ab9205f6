// SPDX-License-Identifier: BSD-3-Clause
/*
 * A libosmem.so whose four functions do nothing. If the library under test lacks a function,
 * programs are linked with this library, so that only those that call the function fail.
 */

static void nothing(void)
{
}

#define NAME(name) void name(void) __attribute__((alias("nothing")))

NAME(os_malloc);
NAME(os_calloc);
NAME(os_realloc);
NAME(os_free);
