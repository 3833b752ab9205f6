// SPDX-License-Identifier: BSD-3-Clause
/*
 * All blocks are freed from first to last; one request then finds the heap as a
 * single block again (R1, H1).
 */
#include "snippet.h"

#define BLOCKS 12

int main(void)
{
	void *blocks[BLOCKS], *all;

	for (size_t i = 0; i < BLOCKS; i++)
		blocks[i] = xmalloc(100 + 40 * i);
	for (int i = 0; i < BLOCKS; i++)
		xfree(blocks[i]);
	all = xmalloc(131032);
	CHECK(all == blocks[0], "the heap is not one free block (H1)");
	CHECK(usable(all) == 131040, "the whole preallocation was not merged (H1)");
	xfree(all);
	return 0;
}
