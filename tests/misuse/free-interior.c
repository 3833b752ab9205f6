// SPDX-License-Identifier: BSD-3-Clause

/*
 * A pointer into a block.
 * expect: os_free(): interior pointer
 */

#include "misuse.h"

int main(void)
{
	char *p = os_malloc(100);

	os_free(announce(p + 48));
	return 0;
}
