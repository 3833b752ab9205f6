// SPDX-License-Identifier: BSD-3-Clause

/*
 * A header overwritten in front of a payload, found by its realloc.
 * expect: os_realloc(): overwritten header
 */

#include "misuse.h"

int main(void)
{
	char *p = announce(os_malloc(100));

	for (int i = 1; i <= 32; i++)
		p[-i] = 'x';
	p = os_realloc(p, 10);
	return 0;
}
