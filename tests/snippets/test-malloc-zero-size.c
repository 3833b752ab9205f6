// SPDX-License-Identifier: BSD-3-Clause
/*
 * No bytes asked: NULL, no system call, no preallocation, then or later (W4).
 */
#include "snippet.h"

int main(void)
{
	CHECK(!os_malloc(0), "os_malloc(0) is not NULL (W4)");
	CHECK(!os_malloc(0), "os_malloc(0) is not NULL the second time (W4)");
	return 0;
}
