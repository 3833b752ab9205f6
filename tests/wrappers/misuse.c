// SPDX-License-Identifier: BSD-3-Clause

/*
 * Frees one pointer that is not a live block; the argument chooses it. Prints the address to
 * stdout first. Both wrappers, under the names of malloc(3).
 */

#include "../family/family.h"

static void *wrong(const char *which)
{
	static char global[100];
	char *block = malloc(which[0] == 'l' ? 300000 : 100);

	if (!strcmp(which, "interior") || !strcmp(which, "large-interior"))
		return block + 16;
	if (!strcmp(which, "global"))
		return global + 32;
	if (!strcmp(which, "code"))
		return (void *)(uintptr_t)wrong;
	free(hide(block));
	return block;
}

int main(int argc, char **argv)
{
	void *ptr = argc == 2 ? wrong(argv[1]) : NULL;

	watchdog();
	dprintf(STDOUT_FILENO, "%p\n", ptr);
	free(hide(ptr));
	return 0;
}
