// SPDX-License-Identifier: BSD-3-Clause
/*
 * The mapping's length is the rounded size and the header, not rounded to
 * pages, and the payload begins 32 bytes into it (M1). All of it is the user's,
 * and no mapping touches another (G5).
 */
#include "snippet.h"

static const size_t sizes[] = { 135168, 140001, 196608, 204799, 1048576 };

int main(void)
{
	void *blocks[5];

	for (int i = 0; i < 5; i++) {
		blocks[i] = xmalloc(sizes[i]);
		CHECK((uintptr_t)blocks[i] % PAGE == HEADER, "the payload is not at 0x20 (M1)");
	}
	for (int i = 0; i < 5; i++)
		xfree(blocks[i]);
	return 0;
}
