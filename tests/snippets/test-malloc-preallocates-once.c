// SPDX-License-Identifier: BSD-3-Clause
/*
 * Requests that outgrow the preallocation several times: the break is asked
 * for once only (F3) and grown by 128 KiB once only (F2).
 */
#include "snippet.h"

#define BLOCKS 10

int main(void)
{
	void *blocks[BLOCKS];

	for (int i = 0; i < BLOCKS; i++)
		blocks[i] = xmalloc(30000);
	for (int i = 0; i < BLOCKS; i++)
		xfree(blocks[i]);
	return 0;
}
