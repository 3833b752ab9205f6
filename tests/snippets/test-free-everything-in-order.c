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
	all = xmalloc(131016);
	xfree(all);
	return 0;
}
