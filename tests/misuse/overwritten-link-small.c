// SPDX-License-Identifier: BSD-3-Clause

/*
 * A free block's link is made to lead to a block that is too small for the request.
 * expect: os_malloc(): overwritten header
 */

#include <stdint.h>

#include "misuse.h"

int main(void)
{
	void *small = announce(os_malloc(8));
	void *freed;

	os_malloc(64);
	freed = os_malloc(104);
	os_malloc(8);
	os_free(small);
	os_free(freed);
	((uint32_t *)freed)[-2] = 1;
	return !os_malloc(104);
}
