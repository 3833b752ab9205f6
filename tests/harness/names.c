// SPDX-License-Identifier: BSD-3-Clause
/*
 * A libosmem.so with the four names and nothing behind them. Programs are linked with it when the
 * library under test lacks a function: only those that call that function fail then.
 */

static void nothing(void)
{
}

#define NAME(name) void name(void) __attribute__((alias("nothing")))

NAME(os_malloc);
NAME(os_calloc);
NAME(os_realloc);
NAME(os_free);
