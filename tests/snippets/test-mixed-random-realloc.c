// SPDX-License-Identifier: BSD-3-Clause
/*
 * A long random sequence of os_realloc on a few blocks that grow and shrink
 * against each other: every way to resize on the heap (X4 to X9, S3).
 */
#include "snippet.h"

#define SLOTS 8

static void *slots[SLOTS];

int main(void)
{
	uint32_t random = 31337;

	for (size_t i = 0; i < SLOTS; i++)
		slots[i] = xmalloc(16 * i + 8);
	for (int i = 0; i < 160; i++) {
		void **slot = &slots[next_random(&random) % SLOTS];
		size_t most = i % 20 < 16 ? 500 : 30000;

		*slot = xrealloc(*slot, next_random(&random) % most / 8 * 8 + 8);
	}
	for (int i = 0; i < SLOTS; i++)
		xfree(slots[i]);
	return 0;
}
