// SPDX-License-Identifier: BSD-3-Clause

/*
 * The highest address.
 * expect: os_free(): invalid pointer
 */

#include "misuse.h"

int main(void)
{
	os_malloc(100);
	os_malloc(200000);
	os_free(announce((void *)-1));
	return 0;
}
