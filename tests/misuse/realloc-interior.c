// SPDX-License-Identifier: BSD-3-Clause

/*
 * Pointers into a block, given to realloc.
 * expect: EINVAL
 */

#include "misuse.h"

int main(void)
{
	char *p = os_malloc(100);

	return realloc_refused(p + 1) || realloc_refused(p + 8) || realloc_refused(p + 48) ||
	       realloc_refused(p - sizeof(struct block_meta)) || osmem_check();
}
