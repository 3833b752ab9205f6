// SPDX-License-Identifier: BSD-3-Clause
/*
 * os_realloc(NULL, 0) is os_malloc(0): NULL, and no system call (W4).
 */
#include "snippet.h"

int main(void)
{
	CHECK(!os_realloc(NULL, 0), "os_realloc(NULL, 0) is not NULL (W4)");
	return 0;
}
