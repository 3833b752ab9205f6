// SPDX-License-Identifier: BSD-3-Clause
/*
 * Sizes that cannot exist with their header: NULL and ENOMEM, without any system
 * call and without preallocation (W5).
 */
#include "snippet.h"

static const size_t sizes[] = { SIZE_MAX, SIZE_MAX - 7, SIZE_MAX - 32, (size_t)PTRDIFF_MAX + 1,
				PTRDIFF_MAX, PTRDIFF_MAX - HEADER };

int main(void)
{
	for (int i = 0; i < 6; i++) {
		errno = 0;
		CHECK(!os_malloc(sizes[i]), "an impossible size was allocated (W5)");
		CHECK(errno == ENOMEM, "errno is not ENOMEM (W5)");
	}
	return 0;
}
