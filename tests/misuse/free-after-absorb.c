// SPDX-License-Identifier: BSD-3-Clause

/*
 * A freed block that realloc has absorbed into its left neighbour, freed again.
 * expect: os_free(): interior pointer
 */

#include "misuse.h"

int main(void)
{
	void *left = os_malloc(100);
	void *p = announce(os_malloc(100));

	os_malloc(10);
	os_free(p);
	left = os_realloc(left, 200);
	os_free(p);
	return !left;
}
