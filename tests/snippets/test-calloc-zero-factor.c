// SPDX-License-Identifier: BSD-3-Clause
/*
 * A factor of zero: NULL, no system call, no preallocation (W4).
 */
#include "snippet.h"

int main(void)
{
	CHECK(!os_calloc(0, 100), "os_calloc(0, 100) is not NULL (W4)");
	CHECK(!os_calloc(100, 0), "os_calloc(100, 0) is not NULL (W4)");
	CHECK(!os_calloc(0, 0), "os_calloc(0, 0) is not NULL (W4)");
	CHECK(!os_calloc(0, SIZE_MAX), "os_calloc(0, SIZE_MAX) is not NULL (W4)");
	return 0;
}
