// SPDX-License-Identifier: BSD-3-Clause
/*
 * os_realloc(p, 0) of a mapping unmaps it (X1, R2).
 */
#include "snippet.h"

int main(void)
{
	void *mapping = xmalloc(152000);
	void *other = xcalloc(1, 5000);

	CHECK(!os_realloc(mapping, 0), "os_realloc(p, 0) is not NULL (X1)");
	CHECK(!os_realloc(other, 0), "os_realloc(p, 0) is not NULL (X1)");
	return 0;
}
