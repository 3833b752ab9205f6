// SPDX-License-Identifier: BSD-3-Clause
/*
 * An impossible size: NULL and ENOMEM without a system call (W5); heap block and
 * mapping are what they were.
 */
#include "snippet.h"

int main(void)
{
	void *ptr = xmalloc(1000);
	void *mapping = xmalloc(150000);

	errno = 0;
	CHECK(!os_realloc(ptr, SIZE_MAX) && errno == ENOMEM, "impossible size (W5)");
	errno = 0;
	CHECK(!os_realloc(mapping, PTRDIFF_MAX) && errno == ENOMEM, "impossible size (W5)");
	errno = 0;
	CHECK(!os_realloc(NULL, SIZE_MAX - 40) && errno == ENOMEM, "impossible size (W5)");
	xfree(mapping);
	xfree(ptr);
	return 0;
}
