// SPDX-License-Identifier: BSD-3-Clause

/*
 * Other code lowers the break below the end of the heap (B2): every growth fails
 * with ENOMEM and leaves the break where it is, all else works, and growth works
 * again when the break is restored.
 */

#include <errno.h>

#include "stress.h"

/* Less than the unused end of one of these blocks, so no contents are lost. */
#define BLOCK	131032
#define LOWERED	4096

static void expect_refusal(const void *result)
{
	if (result || errno != ENOMEM)
		complain("growth was not refused with NULL and ENOMEM");
	errno = 0;
}

static void check_refusals(char *block, void *last)
{
	void *lowered = sbrk(0);

	errno = 0;
	expect_refusal(os_malloc(BLOCK));
	expect_refusal(os_calloc(1, 4000));
	expect_refusal(os_realloc(NULL, 100));
	expect_refusal(os_realloc(last, BLOCK));
	expect_refusal(os_realloc(block, BLOCK));
	if (sbrk(0) != lowered)
		complain("the break was moved");
}

int main(int argc, char **argv)
{
	long rounds = steps_wanted(argc, argv);

	need_sbrk();
	while (rounds-- > 0) {
		char *block = os_malloc(BLOCK - 64);
		char *hole = os_malloc(BLOCK);
		char *last = os_malloc(BLOCK - 8);

		if (!block || !hole || !last)
			complain("os_malloc() returned NULL");
		sbrk(-LOWERED);
		check_refusals(block, last);
		os_free(hole);
		if (os_malloc(BLOCK) != hole)
			complain("a hole was not used");
		sbrk(LOWERED);
		if (os_realloc(last, BLOCK) != last || !os_malloc(BLOCK))
			complain("growth was refused although the break is back");
		audit();
	}
	return 0;
}
