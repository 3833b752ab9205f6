// SPDX-License-Identifier: BSD-3-Clause
/*
 * A mapping that grows or shrinks is a new one of exactly the new length, and
 * the copy is as long as the shorter of both (X3, X9). mremap is not used (M2).
 */
#include "snippet.h"

int main(void)
{
	void *mapping = xmalloc(131072);

	mapping = xrealloc(mapping, 150000);
	mapping = xrealloc(mapping, 300000);
	mapping = xrealloc(mapping, 140000);
	xfree(mapping);
	return 0;
}
