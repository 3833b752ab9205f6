// SPDX-License-Identifier: BSD-3-Clause

/*
 * A pointer one byte behind a payload's first.
 * expect: os_free(): interior pointer
 */

#include "misuse.h"

int main(void)
{
	char *p = os_malloc(100);

	os_free(announce(p + 1));
	return 0;
}
