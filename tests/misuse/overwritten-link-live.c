// SPDX-License-Identifier: BSD-3-Clause

/*
 * A free block's link is made to lead to a live block, which would be allocated
 * a second time.
 * expect: os_malloc(): overwritten header
 */

#include <stdint.h>

#include "misuse.h"

int main(void)
{
	char *first = os_malloc(131032);
	char *freed = os_malloc(65600);
	char *live;

	os_malloc(8);
	live = announce(os_malloc(65544));
	os_free(freed);
	((uint32_t *)freed)[-2] = (uint32_t)((live - first) / 8 + 1);
	return !os_malloc(65540);
}
