// SPDX-License-Identifier: BSD-3-Clause

/*
 * Pointers into a mapping, given to realloc.
 * expect: EINVAL
 */

#include "misuse.h"

int main(void)
{
	char *p = os_malloc(200000);

	return realloc_refused(p + 1) || realloc_refused(p + 8) || realloc_refused(p + 4096) ||
	       realloc_refused(p - sizeof(struct block_meta)) || osmem_check();
}
