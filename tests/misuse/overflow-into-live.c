// SPDX-License-Identifier: BSD-3-Clause

/*
 * One byte written behind a block, found when the neighbour is freed.
 * expect: os_free(): overwritten header
 */

#include "misuse.h"

int main(void)
{
	char *p = os_malloc(104);
	char *q = announce(os_malloc(100));

	p[104]++;
	os_free(q);
	return 0;
}
