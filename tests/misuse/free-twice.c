// SPDX-License-Identifier: BSD-3-Clause

/*
 * A block freed twice in a row.
 * expect: os_free(): double free
 */

#include "misuse.h"

int main(void)
{
	void *p = announce(os_malloc(100));

	os_free(p);
	os_free(p);
	return 0;
}
