// SPDX-License-Identifier: BSD-3-Clause

/* memory_allocator merges free neighbours into one block, in whatever order they were freed. */

#include "../family/family.h"

#include "memory_allocator.h"

#define EACH	5000

static void coalesce(size_t first, size_t second, size_t third)
{
	char *blocks[3], *guard, *all;

	for (size_t i = 0; i < LENGTH(blocks); i++)
		blocks[i] = memalloc(EACH);
	guard = memalloc(16);
	CHECK(blocks[0] && blocks[1] && blocks[2] && guard);
	memfree(blocks[first]);
	memfree(blocks[second]);
	memfree(blocks[third]);
	all = memalloc(3 * EACH);
	CHECK_FOR(all == blocks[0], first);
	memfree(all);
	memfree(guard);
}

int main(void)
{
	watchdog();
	coalesce(0, 1, 2);
	coalesce(2, 1, 0);
	coalesce(0, 2, 1);
	coalesce(1, 0, 2);
	return 0;
}
