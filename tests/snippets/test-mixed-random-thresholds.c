// SPDX-License-Identifier: BSD-3-Clause
/*
 * A long random sequence with sizes on both sides of both thresholds, so that
 * blocks change between heap and mappings all the time (W1, W2, W3).
 */
#include "snippet.h"

#define SLOTS 6

static void *slots[SLOTS];
static const size_t middles[] = { 4056, 131032, 8192, 100 };

int main(void)
{
	uint32_t random = 4711;

	for (int i = 0; i < 100; i++) {
		void **slot = &slots[next_random(&random) % SLOTS];
		size_t size = middles[next_random(&random) % 4] + next_random(&random) % 5 * 8 - 16;

		if (!*slot) {
			*slot = next_random(&random) % 2 ? xmalloc(size) : xcalloc(1, size);
		} else if (next_random(&random) % 3) {
			*slot = xrealloc(*slot, size);
		} else {
			xfree(*slot);
			*slot = NULL;
		}
	}
	for (int i = 0; i < SLOTS; i++)
		if (slots[i])
			xfree(slots[i]);
	return 0;
}
