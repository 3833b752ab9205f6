// SPDX-License-Identifier: BSD-3-Clause

/* The program in docs/students.md: one block on the heap, one mapping. */

#include "osmem.h"

int main(void)
{
	char *name = os_malloc(100);
	char *table = os_calloc(50000, 4);

	name = os_realloc(name, 300);
	os_free(table);
	os_free(name);
	return 0;
}
