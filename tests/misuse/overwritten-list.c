// SPDX-License-Identifier: BSD-3-Clause

/*
 * A write from a live block over the size of the first of two freed neighbours,
 * after which the link of the next two would be written into a payload.
 * expect: os_free(): overwritten header
 */

#include "misuse.h"

int main(void)
{
	size_t *live = os_malloc(104);
	void *first = announce(os_malloc(104));
	void *second = os_malloc(104);
	void *others[2];

	os_malloc(2000);
	others[0] = os_malloc(104);
	others[1] = os_malloc(104);
	os_malloc(8);
	os_free(first);
	os_free(second);
	live[104 / sizeof(*live)] = 1000;
	os_free(others[0]);
	os_free(others[1]);
	return 0;
}
