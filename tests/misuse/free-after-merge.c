// SPDX-License-Identifier: BSD-3-Clause

/*
 * A block freed again after a search has merged it into its left neighbour.
 * expect: os_free(): double free
 */

#include "misuse.h"

int main(void)
{
	void *left = os_malloc(100);
	void *p = announce(os_malloc(100));

	os_malloc(10);
	os_free(left);
	os_free(p);
	os_malloc(2000);
	os_free(p);
	return 0;
}
