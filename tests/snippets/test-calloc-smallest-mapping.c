// SPDX-License-Identifier: BSD-3-Clause
/*
 * 4057 bytes are 4064 rounded up and reach a page with their header: a mapping
 * already, far below os_malloc's threshold (W2).
 */
#include "snippet.h"

int main(void)
{
	void *ptr = xcalloc(4057, 1);

	xfree(ptr);
	return 0;
}
