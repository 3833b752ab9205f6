// SPDX-License-Identifier: BSD-3-Clause

/*
 * A write over the links in a mapping's header, which osmem_walk() follows.
 * expect: osmem_walk(): overwritten header
 */

#include <string.h>

#include "misuse.h"

static int visit(const struct block_meta *b, void *unused)
{
	(void)b;
	(void)unused;
	return 0;
}

int main(void)
{
	char *p = announce(os_malloc(200000));

	memset(p - 16, 'A', 16);
	return osmem_walk(visit, NULL);
}
