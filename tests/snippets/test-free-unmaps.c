// SPDX-License-Identifier: BSD-3-Clause
/*
 * A mapping is unmapped at once, with exactly the length that was mapped (R2).
 */
#include "snippet.h"

static const size_t sizes[] = { 140000, 200000, 262144 };

int main(void)
{
	void *blocks[3];

	for (int i = 0; i < 3; i++)
		blocks[i] = xmalloc(sizes[i]);
	for (int i = 0; i < 3; i++)
		xfree(blocks[i]);
	return 0;
}
