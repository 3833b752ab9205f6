// SPDX-License-Identifier: BSD-3-Clause
/*
 * Among holes of equal size the one at the lowest address is taken, whatever
 * the order in which they were freed (H2).
 */
#include "snippet.h"

int main(void)
{
	void *holes[4], *guards[4];

	for (int i = 0; i < 4; i++) {
		holes[i] = xmalloc(200);
		guards[i] = xmalloc(16);
	}
	xfree(holes[2]);
	xfree(holes[0]);
	xfree(holes[3]);
	xfree(holes[1]);
	for (int i = 0; i < 4; i++)
		holes[i] = xmalloc(200);
	for (int i = 0; i < 4; i++) {
		xfree(holes[i]);
		xfree(guards[i]);
	}
	return 0;
}
