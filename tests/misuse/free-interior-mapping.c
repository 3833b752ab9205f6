// SPDX-License-Identifier: BSD-3-Clause

/*
 * A pointer into a mapping.
 * expect: os_free(): interior pointer
 */

#include "misuse.h"

int main(void)
{
	char *p = os_malloc(200000);

	os_free(announce(p + 4096));
	return 0;
}
