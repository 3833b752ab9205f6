// SPDX-License-Identifier: BSD-3-Clause
/*
 * A libosmem.so with the four names and nothing behind them. Programs are linked with it when the
 * library under test lacks a function: only those that call that function fail then.
 */

#include "osmem.h"

void *os_malloc(size_t size)
{
	(void)size;
	return NULL;
}

void *os_calloc(size_t nmemb, size_t size)
{
	(void)nmemb;
	(void)size;
	return NULL;
}

void *os_realloc(void *ptr, size_t size)
{
	(void)ptr;
	(void)size;
	return NULL;
}

void os_free(void *ptr)
{
	(void)ptr;
}
