// SPDX-License-Identifier: BSD-3-Clause

/*
 * An address in the first page.
 * expect: os_free(): invalid pointer
 */

#include "misuse.h"

int main(void)
{
	os_malloc(100);
	os_free(announce((void *)8));
	return 0;
}
