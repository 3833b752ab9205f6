// SPDX-License-Identifier: BSD-3-Clause

/*
 * Every address is a multiple of 16, whatever the size, even while the program moves the break
 * by odd amounts. Both wrappers, under the names of malloc(3).
 */

#include "../family/family.h"

#define HELD	64

static void *checked(void *block, size_t size)
{
	CHECK_FOR(block && multiple_of(hide(block), GRAIN), size);
	return block;
}

int main(void)
{
	static void *held[HELD];
	uint64_t state = 88172645463325252;

	watchdog();
	CHECK(sbrk(8) != (void *)-1);
	for (size_t size = 0; size < 200000; size += size / 300 + 1) {
		void **one = &held[next_random(&state) % HELD];

		if (next_random(&state) % 100 == 0)
			CHECK(sbrk(1 + (intptr_t)(next_random(&state) % 100)) != (void *)-1);
		free(*one);
		*one = checked(size % 2 ? malloc(size) : calloc(1, size), size);
		one = &held[next_random(&state) % HELD];
		*one = checked(realloc(*one, 1 + random_size(&state)), size);
	}
	return 0;
}
