// SPDX-License-Identifier: BSD-3-Clause
/*
 * A long random sequence of all four functions with small blocks; contents are
 * verified whenever a block is touched and at the end (Y1, F3).
 */
#include "snippet.h"

#define SLOTS 24

static void *slots[SLOTS];

int main(void)
{
	uint32_t random = 20240229;

	for (int i = 0; i < 240; i++) {
		void **slot = &slots[next_random(&random) % SLOTS];
		size_t size = next_random(&random) % 38 * 8 + 8;

		if (!*slot) {
			*slot = next_random(&random) % 3 ? xmalloc(size) : xcalloc(size, 1);
		} else if (next_random(&random) % 2) {
			*slot = xrealloc(*slot, size);
		} else {
			xfree(*slot);
			*slot = NULL;
		}
	}
	for (int i = 0; i < SLOTS; i++)
		if (slots[i])
			verify(slots[i]);
	for (int i = 0; i < SLOTS; i++)
		if (slots[i])
			xfree(slots[i]);
	return 0;
}
