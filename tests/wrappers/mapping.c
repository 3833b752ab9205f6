// SPDX-License-Identifier: BSD-3-Clause

/*
 * memory_allocator maps blocks from its threshold up, and none below it. The program runs under
 * ltrace; calls of getppid() mark where the test begins and ends.
 */

#include "../family/family.h"

#include "memory_allocator.h"

#define HEADER	32

int main(void)
{
	void *blocks[6];

	getppid();
	blocks[0] = memalloc(1);
	blocks[1] = memalloc(MMAP_THRESHOLD - HEADER - 16);
	blocks[2] = defalloc(10, 10000);
	blocks[3] = memalloc(MMAP_THRESHOLD - HEADER);
	blocks[4] = defalloc(1000, 1000);
	blocks[5] = memresize(blocks[2], 200000);
	memfree(blocks[0]);
	memfree(blocks[1]);
	memfree(blocks[3]);
	memfree(blocks[4]);
	memfree(blocks[5]);
	getppid();
	return 0;
}
