// SPDX-License-Identifier: BSD-3-Clause
/*
 * A heap full of blocks loses two neighbours of every five; later requests of
 * other sizes fill holes whole (H1, H2), in part (S1), or with slack (S2).
 */
#include "snippet.h"

#define BLOCKS 60

static void *blocks[BLOCKS];

int main(void)
{
	for (size_t i = 0; i < BLOCKS; i++)
		blocks[i] = i % 3 ? xmalloc(64 + 8 * (i % 7)) : xcalloc(i % 4 + 1, 32);
	for (int i = 0; i < BLOCKS; i++)
		if (i % 5 < 2)
			xfree(blocks[i]);
	for (size_t i = 0; i < BLOCKS; i++)
		if (i % 5 == 0)
			blocks[i] = xmalloc(88 + 8 * (i % 6));
	for (size_t i = 0; i < BLOCKS; i++)
		if (i % 5 == 1)
			blocks[i] = xcalloc(1, 8 + i / 8 * 8);
	for (int i = 0; i < BLOCKS; i++)
		verify(blocks[i]);
	for (int i = BLOCKS - 1; i >= 0; i--)
		xfree(blocks[i]);
	return 0;
}
