// SPDX-License-Identifier: BSD-3-Clause

/*
 * An address where nothing is mapped.
 * expect: os_free(): invalid pointer
 */

#include "misuse.h"

int main(void)
{
	os_malloc(100);
	os_malloc(200000);
	os_free(announce((void *)0x100000020));
	return 0;
}
