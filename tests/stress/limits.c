// SPDX-License-Identifier: BSD-3-Clause

/*
 * Memory really runs out, because of a resource limit (B1): every function returns
 * NULL with ENOMEM and changes nothing, and works again when the limit is lifted.
 */

#include <errno.h>
#include <sys/resource.h>

#include "stress.h"

/* Blocks that each reach the kernel by another path when they grow. */
enum { FULL, LEFT, HOLE, LAST, MAPPED, BLOCKS };

static struct slot blocks[BLOCKS];

static const struct {
	int block;
	size_t size;
} resizes[] = {
	{ LAST, 3000 },		/* X6 */
	{ LEFT, 3000 },		/* X8: the hole is too small */
	{ FULL, 200000 },	/* X5 */
	{ MAPPED, 3000 },	/* X3 to the heap */
	{ MAPPED, 200000 },	/* X3 to a mapping */
};

#define RESIZES	(sizeof(resizes) / sizeof(resizes[0]))

/* Less than what the process has; not 0, with which Linux does not limit mmap(). */
#define NOTHING	1

static void limit_data(rlim_t bytes)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_DATA, &limit))
		complain("getrlimit() failed");
	limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
	if (setrlimit(RLIMIT_DATA, &limit))
		complain("setrlimit() failed");
}

static void expect_refusal(const void *result)
{
	if (result || errno != ENOMEM)
		complain("memory was not refused with NULL and ENOMEM");
	errno = 0;
	audit();
}

static void refuse_new(size_t size)
{
	errno = 0;
	expect_refusal(os_malloc(size));
	expect_refusal(os_calloc(1, size));
	expect_refusal(os_realloc(NULL, size));
}

static void verify_blocks(void)
{
	for (int i = 0; i < BLOCKS; i++)
		slot_verify(&blocks[i], blocks[i].size);
}

/* F1's region is full, and a hole of 1000 bytes lies before the last block. */
static void make_blocks(void)
{
	slot_make(&blocks[FULL], 131032, 0);
	slot_make(&blocks[LEFT], 1000, 0);
	slot_make(&blocks[HOLE], 1000, 0);
	slot_make(&blocks[LAST], 1000, 0);
	slot_make(&blocks[MAPPED], 200000, 0);
	slot_drop(&blocks[HOLE]);
}

static void refuse_each(void)
{
	refuse_new(2000);
	refuse_new(200000);
	for (size_t i = 0; i < RESIZES; i++) {
		expect_refusal(os_realloc(blocks[resizes[i].block].payload, resizes[i].size));
		verify_blocks();
	}
	/* X8 was refused before it took the hole (B1). */
	slot_make(&blocks[HOLE], 1000, 0);
	if (blocks[HOLE].payload > blocks[LAST].payload)
		complain("the hole was not left as it was");
	verify_blocks();
	slot_drop(&blocks[HOLE]);
}

static void grant_each(void)
{
	for (size_t i = 0; i < RESIZES; i++)
		slot_resize(&blocks[resizes[i].block], resizes[i].size);
	for (int i = 0; i < BLOCKS; i++)
		slot_drop(&blocks[i]);
}

/* Tries to grow a block: it grows if there is room, or stays unchanged. */
static int refused_to_grow(struct slot *slot)
{
	size_t size = slot->size < 100000 ? 130000 : 1 << 20;
	void *payload = os_realloc(slot->payload, size);

	if (!payload) {
		expect_refusal(payload);
		slot_verify(slot, slot->size);
		return 1;
	}
	slot->payload = payload;
	slot_verify(slot, slot->size);
	slot->size = size;
	slot_fill(slot);
	return 0;
}

static void refuse_all(struct table *table)
{
	int refused = 0;

	errno = 0;
	expect_refusal(os_malloc(130000));
	expect_refusal(os_malloc(200000));
	expect_refusal(os_calloc(1, 200000));
	for (int i = 0; i < SLOTS; i++)
		if (table->slots[i].payload)
			refused += refused_to_grow(&table->slots[i]);
	if (refused == 0)
		complain("no os_realloc() was refused");
}

int main(int argc, char **argv)
{
	static struct table table = { .state = 88172645463325252 };
	long rounds = steps_wanted(argc, argv);

	limit_data(NOTHING);
	refuse_new(10);
	refuse_new(200000);
	limit_data(RLIM_INFINITY);
	make_blocks();
	limit_data(NOTHING);
	refuse_each();
	limit_data(RLIM_INFINITY);
	grant_each();
	while (rounds-- > 0) {
		limit_data(RLIM_INFINITY);
		table_run(&table, 1000);
		while (os_malloc(130000) && next_random(&table) % 4)
			;
		limit_data(NOTHING);
		/* No free block of 130000 bytes may be left, or the request would succeed. */
		while (os_malloc(130000))
			;
		refuse_all(&table);
	}
	limit_data(RLIM_INFINITY);
	table_run(&table, 1000);
	table_clear(&table);
	audit();
	return 0;
}
