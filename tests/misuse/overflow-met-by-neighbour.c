// SPDX-License-Identifier: BSD-3-Clause

/*
 * A write behind a block over a live neighbour, found when realloc looks there.
 * expect: os_realloc(): overwritten header
 */

#include "misuse.h"

int main(void)
{
	char *p = os_malloc(104);
	char *q = os_malloc(104);
	char *r = announce(os_malloc(100));

	os_free(q);
	r[-32] ^= 8;
	p = os_realloc(p, 150);
	return !p;
}
