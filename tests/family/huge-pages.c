// SPDX-License-Identifier: BSD-3-Clause

/*
 * Purged memory stays with the kernel: khugepaged, which runs for minutes, finds no place in it to
 * put a huge page. When everything is freed, huge pages are allowed again.
 */

#include "family.h"

#define BLOCKS		400000
#define SIZE		((size_t)500)
#define STAYS_EACH	1024		/* one block in this many stays */
#define RETURNS_MOST	(BLOCKS * SIZE / 8)

static void *blocks[BLOCKS];

/* Bytes without a page in mappings that may have huge pages. */
static size_t may_return(void)
{
	static char line[512];
	FILE *smaps = fopen("/proc/self/smaps", "r");
	size_t size = 0, resident = 0, sum = 0;

	CHECK(smaps);
	while (fgets(line, sizeof(line), smaps)) {
		if (!strncmp(line, "Size:", 5))
			size = strtoul(line + 5, NULL, 10);
		if (!strncmp(line, "Rss:", 4))
			resident = strtoul(line + 4, NULL, 10);
		if (!strncmp(line, "VmFlags:", 8) && strstr(line, " hg"))
			sum += size - resident;
	}
	fclose(smaps);
	return sum * KIB;
}

static void allocate_all(void)
{
	for (size_t i = 0; i < BLOCKS; i++) {
		if (!blocks[i])
			blocks[i] = malloc(SIZE);
		CHECK_FOR(blocks[i], i);
		memset(blocks[i], 1, SIZE);
	}
}

static void free_most(size_t stays_each)
{
	for (size_t i = 0; i < BLOCKS; i++) {
		if (i % stays_each == 1)
			continue;
		free(blocks[i]);
		blocks[i] = NULL;
	}
	malloc_trim(0);
}

int main(void)
{
	watchdog();
	/* Allocates the file's buffer. */
	may_return();
	for (int round = 0; round < 3; round++) {
		size_t before = process_has(VM_RESIDENT);

		allocate_all();
		CHECK_FOR(process_has(VM_RESIDENT) > before + BLOCKS * SIZE / 2, round);
		free_most(STAYS_EACH);
		CHECK_FOR(may_return() < RETURNS_MOST, may_return());
	}
	free_most(BLOCKS);
	allocate_all();
	free_most(STAYS_EACH);
	CHECK_FOR(may_return() < RETURNS_MOST, may_return());
	return 0;
}
