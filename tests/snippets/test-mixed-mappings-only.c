// SPDX-License-Identifier: BSD-3-Clause
/*
 * All four functions with mappings only: the break is neither asked for nor
 * moved in the whole program (Y2, F2), and only mmap and munmap are called (Y1).
 */
#include "snippet.h"

int main(void)
{
	void *one = xmalloc(140000);
	void *other = xcalloc(1, 4057);
	void *third = os_realloc(NULL, 140000);

	CHECK(!!third, "no memory");
	use(third, 140000);
	one = xrealloc(one, 180000);
	other = xrealloc(other, 140000);
	xfree(one);
	verify(third);
	CHECK(!os_realloc(third, 0), "os_realloc(p, 0) is not NULL (X1)");
	xfree(other);
	os_free(NULL);
	CHECK(!os_malloc(0), "os_malloc(0) is not NULL (W4)");
	return 0;
}
