// SPDX-License-Identifier: BSD-3-Clause
/* One block grows from 1 KiB to 16 MiB, an eighth at a time; then a second one does the same. */

#include "budget.h"

#define FIRST	KIB
#define LAST	(16 * MIB)

PHASE(again)

static char *grow(void)
{
	char *block = checked_malloc(FIRST);

	for (size_t size = FIRST; size < LAST; ) {
		size_t last = size - 1;

		block[last] = 7;
		size += size / 8;
		block = realloc(block, size);
		CHECK(block && block[0] == 1 && block[last] == 7);
	}
	return block;
}

int main(void)
{
	char *block = grow();

	free(block);
	phase_again();
	grow();
	return 0;
}
