// SPDX-License-Identifier: BSD-3-Clause

/*
 * my_alloc splits and coalesces spans: the memory of freed small blocks becomes one large block,
 * and once that is freed, small blocks again, at the same addresses.
 */

#include "../family/family.h"

#include "my_alloc.h"

#define SMALL	2000
#define COUNT	1600	/* about 3 MB */
#define LARGE	(900 * KIB)

static char *blocks[COUNT];

static void take(size_t size)
{
	for (size_t i = 0; i < COUNT; i++) {
		blocks[i] = my_alloc(size);
		CHECK_FOR(blocks[i], i);
		memset(blocks[i], 1, size);
	}
}

static void give(void)
{
	for (size_t i = 0; i < COUNT; i++)
		freee(blocks[i]);
}

static char *lowest(void)
{
	char *found = blocks[0];

	for (size_t i = 0; i < COUNT; i++)
		found = blocks[i] < found ? blocks[i] : found;
	return found;
}

static char *highest(void)
{
	char *found = blocks[0];

	for (size_t i = 0; i < COUNT; i++)
		found = blocks[i] > found ? blocks[i] : found;
	return found;
}

int main(void)
{
	char *begin, *end, *large;

	watchdog();
	take(SMALL);
	begin = lowest();
	end = highest() + SMALL;
	give();
	/* This block is longer than any slab, so spans must have been coalesced. */
	large = my_alloc(LARGE);
	CHECK(large && large >= begin && large + LARGE <= end);
	freee(large);
	/* Split the span again, for another class. */
	take(SMALL / 4);
	CHECK(lowest() >= begin && highest() < end);
	give();
	return 0;
}
