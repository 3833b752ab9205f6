// SPDX-License-Identifier: BSD-3-Clause

/*
 * A freed block's link is made to lead 32 GiB away, out of the heap. The report
 * names the address that it leads to.
 * expect: os_malloc(): overwritten header
 */

#include <stdint.h>

#include "misuse.h"

int main(void)
{
	char *freed = os_malloc(100);

	os_malloc(10);
	os_free(freed);
	announce(freed + (UINT32_MAX - 1UL) * 8);
	((uint32_t *)freed)[-1] = UINT32_MAX;
	return !os_malloc(100);
}
