// SPDX-License-Identifier: BSD-3-Clause

/*
 * A pointer freed before the first allocation.
 * expect: os_free(): invalid pointer
 */

#include "misuse.h"

int main(void)
{
	static long global[16];

	os_free(announce(&global[8]));
	return 0;
}
