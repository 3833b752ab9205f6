// SPDX-License-Identifier: BSD-3-Clause
/*
 * Right after a move the freed block's payload still has its bytes, which
 * a program may compare with the new place (G6, X8).
 */
#include "snippet.h"

int main(void)
{
	void *ptr = xmalloc(200);
	void *guard = xmalloc(16);
	void *moved = os_realloc(ptr, 500);

	CHECK(same_bytes(moved, ptr, 200), "old and new payload differ (G6, X9)");
	CHECK(filled(ptr, (uintptr_t)ptr, 200), "the freed payload was changed (G6)");
	os_free(moved);
	xfree(guard);
	return 0;
}
