// SPDX-License-Identifier: BSD-3-Clause

/*
 * A write to the size of the second of three free neighbours, which a resize
 * absorbs one by one.
 * expect: os_realloc(): overwritten header
 */

#include "misuse.h"

int main(void)
{
	void *live = os_malloc(100);
	void *first = os_malloc(100);
	struct block_meta *second = announce(os_malloc(100));
	void *third = os_malloc(100);

	os_malloc(10);
	os_free(first);
	os_free(second);
	os_free(third);
	second[-1].size = 96;
	return !os_realloc(live, 300);
}
