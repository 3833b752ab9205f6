// SPDX-License-Identifier: BSD-3-Clause

/*
 * Memory that really runs out, by a resource limit (B1): NULL and ENOMEM from
 * every function, nothing changed, and all is well once the limit is lifted.
 */

#include <errno.h>
#include <sys/resource.h>

#include "stress.h"

/* Less than what the process has; not 0, which Linux does not take at its word for mmap. */
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

/* Tries to grow a block: it grows where there is room, or is as it was. */
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
	errno = 0;
	expect_refusal(os_malloc(10));
	expect_refusal(os_realloc(NULL, 10));
	while (rounds-- > 0) {
		limit_data(RLIM_INFINITY);
		table_run(&table, 1000);
		while (os_malloc(130000) && next_random(&table) % 4)
			;
		limit_data(NOTHING);
		/* Nothing of 130000 bytes may be left, or it would not be refused. */
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
