// SPDX-License-Identifier: BSD-3-Clause
/*
 * Nothing fits and the last block is allocated: each new block starts at the old
 * end (H4). Growth is never rounded to pages: sizes around a page and tiny ones
 * move the break by just themselves and a header (H5).
 */
#include "snippet.h"

static const size_t sizes[] = { 1, 8, 4064, 4063, 4065, 4096, 17, 65536 };

int main(void)
{
	void *first = xmalloc(100);
	void *rest = take_rest(first, first);
	void *last = rest;
	void *blocks[8];

	for (int i = 0; i < 8; i++) {
		blocks[i] = xmalloc(sizes[i]);
		CHECK(blocks[i] == behind(last), "a block is not at the old end (H4)");
		CHECK(usable(blocks[i]) == round_up(sizes[i]), "growth was rounded (H5)");
		last = blocks[i];
	}
	for (int i = 0; i < 8; i++)
		xfree(blocks[i]);
	xfree(first);
	xfree(rest);
	return 0;
}
