// SPDX-License-Identifier: BSD-3-Clause

/*
 * Your allocator. README.md has the steps to write it in; docs/contract.md defines what each call
 * does, in rules with names such as W1. You may add more files to this folder.
 */

#include "osmem.h"

#include "block_meta.h"

void *os_malloc(size_t size)
{
	/* TODO: step 1 of README.md, blocks with their own mapping */
	(void)size;
	return NULL;
}

void *os_calloc(size_t nmemb, size_t size)
{
	/* TODO: step 5 */
	(void)nmemb;
	(void)size;
	return NULL;
}

void *os_realloc(void *ptr, size_t size)
{
	/* TODO: steps 6 to 9 */
	(void)ptr;
	(void)size;
	return NULL;
}

void os_free(void *ptr)
{
	/* TODO: step 1 for mappings, step 2 for the heap */
	(void)ptr;
}
