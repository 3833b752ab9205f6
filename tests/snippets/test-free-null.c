// SPDX-License-Identifier: BSD-3-Clause
/*
 * os_free(NULL) does nothing, before the heap is used and after (W4).
 */
#include "snippet.h"

int main(void)
{
	void *ptr;

	os_free(NULL);
	ptr = xmalloc(96);
	os_free(NULL);
	verify(ptr);
	xfree(ptr);
	os_free(NULL);
	return 0;
}
