// SPDX-License-Identifier: BSD-3-Clause

/*
 * A mapping that was freed, passed to realloc.
 * expect: EINVAL
 */

#include "misuse.h"

int main(void)
{
	void *p = os_malloc(200000);

	os_free(p);
	return realloc_refused(p);
}
