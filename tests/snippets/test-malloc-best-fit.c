// SPDX-License-Identifier: BSD-3-Clause
/*
 * Of three holes the smallest that is large enough is taken, though it is
 * neither the first nor the last (H2).
 */
#include "snippet.h"

int main(void)
{
	void *holes[3], *guards[3], *ptr;
	static const size_t sizes[] = { 400, 200, 300 };

	for (int i = 0; i < 3; i++) {
		holes[i] = xmalloc(sizes[i]);
		guards[i] = xmalloc(16);
	}
	for (int i = 0; i < 3; i++)
		xfree(holes[i]);
	ptr = xmalloc(184);
	xfree(ptr);
	for (int i = 0; i < 3; i++)
		xfree(guards[i]);
	return 0;
}
