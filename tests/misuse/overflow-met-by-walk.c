// SPDX-License-Identifier: BSD-3-Clause

/*
 * A header whose size says that the block ends where it begins: a walk that
 * trusts it would never end.
 * expect: osmem_walk(): overwritten header
 */

#include <stddef.h>

#include "misuse.h"

static int visit(const struct block_meta *b, void *visits)
{
	(void)b;
	return ++*(int *)visits > 1000;
}

int main(void)
{
	char *p = os_malloc(104);
	struct block_meta *next = (struct block_meta *)(p + 104);
	int visits = 0;

	announce(next + 1);
	next->size = -sizeof(*next);
	return osmem_walk(visit, &visits);
}
