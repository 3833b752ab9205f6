// SPDX-License-Identifier: BSD-3-Clause

/*
 * A pointer to a local variable.
 * expect: os_free(): invalid pointer
 */

#include "misuse.h"

int main(void)
{
	long local[16];

	os_malloc(100);
	os_free(announce(&local[8]));
	return 0;
}
