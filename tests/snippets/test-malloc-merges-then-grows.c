// SPDX-License-Identifier: BSD-3-Clause
/*
 * The two blocks at the end are free; they are merged first (H1), then the break
 * moves by what the merged one lacks (H3).
 */
#include "snippet.h"

int main(void)
{
	void *first = xmalloc(1000);
	void *middle = xmalloc(60000);
	void *rest = take_rest(first, middle);
	void *ptr;

	xfree(middle);
	xfree(rest);
	ptr = xmalloc(131000);
	verify(first);
	xfree(ptr);
	xfree(first);
	return 0;
}
