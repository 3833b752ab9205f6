// SPDX-License-Identifier: BSD-3-Clause

/*
 * A freed block that was merged into another one, passed to realloc.
 * expect: EINVAL
 */

#include "misuse.h"

int main(void)
{
	void *left = os_malloc(100);
	void *p = os_malloc(100);

	os_malloc(10);
	os_free(left);
	os_free(p);
	os_malloc(2000);
	return realloc_refused(p) || osmem_check();
}
