// SPDX-License-Identifier: BSD-3-Clause

/*
 * munmap() that really fails (B1): unmapping the middle of three mappings that
 * the kernel has joined makes one area more, and the process already has as many
 * as vm.max_map_count allows. The block stays live; os_realloc() frees its new
 * block.
 *
 * Returns 77 if the kernel does not limit the number of areas.
 */

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "stress.h"

#define NEIGHBOURS	3
#define MIDDLE		1
#define SIZE		300000
#define MOST_AREAS	3000000L
#define IMPOSSIBLE	77

static struct slot slots[NEIGHBOURS];

/* Memory in which every second page is readable, so that each page is an area. */
struct areas {
	char *begin;
	size_t length;
};

static struct areas reserve(size_t page)
{
	struct areas areas = { .length = MOST_AREAS * page };

	areas.begin = mmap(NULL, areas.length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (areas.begin == MAP_FAILED)
		complain("mmap() of reserved addresses failed");
	return areas;
}

/* Makes areas up to the limit; 0 if there is none. */
static int use_up(struct areas areas, size_t page)
{
	for (size_t at = page; at < areas.length; at += 2 * page)
		if (mprotect(areas.begin + at, page, PROT_READ))
			return errno == ENOMEM;
	return 0;
}

static void verify_all(void)
{
	for (int i = 0; i < NEIGHBOURS; i++)
		slot_verify(&slots[i], slots[i].size);
	audit();
}

static void expect_refusal(const void *result)
{
	if (result || errno != ENOMEM)
		complain("munmap() was not refused with ENOMEM");
	errno = 0;
	verify_all();
}

static void refuse_each(void)
{
	unsigned char *middle = slots[MIDDLE].payload;

	errno = 0;
	os_free(middle);
	expect_refusal(NULL);
	expect_refusal(os_realloc(middle, 0));
	/* The heap's first use comes last: it takes an area that mmap() needs. */
	expect_refusal(os_realloc(middle, SIZE));
	expect_refusal(os_realloc(middle, 1000));
}

int main(int argc, char **argv)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	for (long left = steps_wanted(argc, argv); left > 0; left--) {
		struct areas areas = reserve(page);

		for (int i = 0; i < NEIGHBOURS; i++)
			slot_make(&slots[i], SIZE, 0);
		if (!use_up(areas, page))
			return IMPOSSIBLE;
		refuse_each();
		munmap(areas.begin, areas.length);
		for (int i = 0; i < NEIGHBOURS; i++)
			slot_drop(&slots[i]);
		audit();
	}
	return 0;
}
