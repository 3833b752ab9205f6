// SPDX-License-Identifier: BSD-3-Clause
/*
 * Nothing fits and the last block is allocated: each new block starts at the old
 * end (H4). Growth is never rounded to pages: sizes around a page and tiny ones
 * move the break by just themselves and a header (H5).
 */
#include "snippet.h"

static const size_t sizes[] = { 8, 16, 4064, 4056, 4072, 4096, 24, 65536 };

int main(void)
{
	void *first = xmalloc(96);
	void *rest = take_rest(first, first);
	void *blocks[8];

	for (int i = 0; i < 8; i++)
		blocks[i] = xmalloc(sizes[i]);
	for (int i = 0; i < 8; i++)
		xfree(blocks[i]);
	xfree(first);
	xfree(rest);
	return 0;
}
