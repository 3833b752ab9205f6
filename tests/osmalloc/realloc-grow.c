// SPDX-License-Identifier: BSD-3-Clause
/*
 * One block grows from 1 KiB to 16 MiB, an eighth at a time; then another one does the same; then
 * two grow in turn, each in the way of the other.
 */

#include "budget.h"

#define FIRST	KIB
#define LAST	(16 * MIB)

PHASE(again)
PHASE(two)

static char *grow(char *block, size_t from, size_t to)
{
	block[from - 1] = 7;
	block = realloc(block, to);
	CHECK(block && block[0] == 1 && block[from - 1] == 7);
	return block;
}

static void grow_in_turns(char **blocks, size_t count)
{
	for (size_t n = 0; n < count; n++)
		blocks[n] = checked_malloc(FIRST);
	for (size_t size = FIRST; size < LAST; size += size / 8)
		for (size_t n = 0; n < count; n++)
			blocks[n] = grow(blocks[n], size, size + size / 8);
	free_all(blocks, count);
}

int main(void)
{
	char *blocks[2];

	grow_in_turns(blocks, 1);
	phase_again();
	grow_in_turns(blocks, 1);
	phase_two();
	grow_in_turns(blocks, 2);
	return 0;
}
