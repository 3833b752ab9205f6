// SPDX-License-Identifier: BSD-3-Clause

/*
 * Stack, global, unmapped and first-page addresses, given to realloc.
 * expect: EINVAL
 */

#include "misuse.h"

int main(void)
{
	static long global[16];
	long local[16];

	os_malloc(100);
	os_malloc(200000);
	return realloc_refused(&global[8]) || realloc_refused(&local[8]) ||
	       realloc_refused((void *)0x100000020) || realloc_refused((void *)8) ||
	       realloc_refused((void *)-1);
}
