// SPDX-License-Identifier: BSD-3-Clause
/*
 * Two arrays grow in turns and stand in each other's way: they move, absorb what
 * the other left (X7, X8), become mappings (X5) and come back (X3).
 */
#include "snippet.h"

int main(void)
{
	void *arrays[2] = { xmalloc(64), xmalloc(64) };

	for (size_t size = 100; size < 300000; size += size / 2)
		for (int i = 0; i < 2; i++)
			arrays[i] = xrealloc(arrays[i], size / 8 * 8);
	verify(arrays[0]);
	for (size_t size = 200000; size > 100; size -= size / 3)
		for (int i = 1; i >= 0; i--)
			arrays[i] = xrealloc(arrays[i], size / 8 * 8);
	verify(arrays[1]);
	xfree(arrays[0]);
	xfree(arrays[1]);
	return 0;
}
