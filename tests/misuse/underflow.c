// SPDX-License-Identifier: BSD-3-Clause

/*
 * One byte written in front of a payload, found by its free.
 * expect: os_free(): overwritten header
 */

#include "misuse.h"

int main(void)
{
	char *p = announce(os_malloc(100));

	p[-1] = 1;
	os_free(p);
	return 0;
}
