// SPDX-License-Identifier: BSD-3-Clause
/*
 * 4057 bytes are 4064 rounded up and reach a page with their header: a mapping
 * already, far below os_malloc's threshold (W2).
 */
#include "snippet.h"

int main(void)
{
	void *ptr = xcalloc(4057, 1);

	CHECK(status(ptr) == STATUS_MAPPED, "4057 bytes are not a mapping (W2)");
	CHECK(usable(ptr) == 4064, "size is not rounded up (G2)");
	xfree(ptr);
	return 0;
}
