// SPDX-License-Identifier: BSD-3-Clause

/*
 * A mapping freed twice.
 * expect: os_free(): invalid pointer
 */

#include "misuse.h"

int main(void)
{
	void *p = announce(os_malloc(200000));

	os_free(p);
	os_free(p);
	return 0;
}
