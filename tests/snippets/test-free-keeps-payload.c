// SPDX-License-Identifier: BSD-3-Clause
/*
 * Right after os_free the payload's bytes are unchanged, those of the neighbours
 * anyway (G6).
 */
#include "snippet.h"

int main(void)
{
	void *left = xmalloc(96);
	void *small = xmalloc(8);
	void *large = xmalloc(2000);
	void *right = xmalloc(96);

	os_free(small);
	os_free(large);
	CHECK(filled(small, (uintptr_t)small, 8), "the small payload was changed (G6)");
	CHECK(filled(large, (uintptr_t)large, 2000), "the large payload was changed (G6)");
	xfree(left);
	xfree(right);
	return 0;
}
