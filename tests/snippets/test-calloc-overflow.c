// SPDX-License-Identifier: BSD-3-Clause
/*
 * A product beyond SIZE_MAX, though what is left of it would be small enough, or
 * beyond any address space: NULL and ENOMEM, without any system call (W5).
 */
#include "snippet.h"

static const size_t factors[][2] = {
	{ SIZE_MAX / 2 + 1, 2 }, { 2, SIZE_MAX / 2 + 1 }, { SIZE_MAX, SIZE_MAX },
	{ (size_t)1 << 32, (size_t)1 << 32 }, { ((size_t)1 << 61) + 1, 8 },
	{ SIZE_MAX, 1 }, { SIZE_MAX / 16, 16 }, { PTRDIFF_MAX, 1 },
};

int main(void)
{
	for (int i = 0; i < 8; i++) {
		errno = 0;
		CHECK(!os_calloc(factors[i][0], factors[i][1]), "overflow was not seen (W5)");
		CHECK(errno == ENOMEM, "errno is not ENOMEM (W5)");
	}
	return 0;
}
