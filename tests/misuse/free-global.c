// SPDX-License-Identifier: BSD-3-Clause

/*
 * A pointer to a global variable.
 * expect: os_free(): invalid pointer
 */

#include "misuse.h"

int main(void)
{
	static long global[16];

	os_malloc(100);
	os_free(announce(&global[8]));
	return 0;
}
