// SPDX-License-Identifier: BSD-3-Clause

/* memory_allocator splits a free block that is longer than needed, and uses the rest too. */

#include "../family/family.h"

#include "memory_allocator.h"

int main(void)
{
	char *hole = memalloc(10000), *guard = memalloc(16);
	char *parts[3];

	watchdog();
	CHECK(hole && guard);
	memfree(hole);
	for (size_t i = 0; i < LENGTH(parts); i++) {
		parts[i] = memalloc(3000);
		CHECK_FOR(parts[i] >= hole && parts[i] + 3000 <= guard, i);
		fill(parts[i], 3000, i);
	}
	for (size_t i = 0; i < LENGTH(parts); i++)
		CHECK_FOR(holds(parts[i], 3000, i), i);
	return 0;
}
