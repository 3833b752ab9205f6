// SPDX-License-Identifier: BSD-3-Clause

/*
 * The far end of the heap: links between free blocks reach 32 GiB, and the heap
 * never grows beyond that. Other code takes nearly all of it at once, without using
 * it (B2), so the library works with its largest links.
 *
 * Returns 77 when the kernel does not let the break go that far.
 */

#include <errno.h>
#include <stddef.h>

#include "block_meta.h"
#include "stress.h"

#define REACH		(32UL << 30)
#define STRIDE		(1UL << 30)	/* taken at once: Linux refuses more than the machine has */
#define LEFT_OVER	(8UL << 20)
#define USABLE		(LEFT_OVER / 16 * 15)	/* without headers and the last hole */
#define IMPOSSIBLE	77

static struct table table = { .state = 88172645463325252 };

/* Leaves LEFT_OVER bytes between the break and its limit; 0 if that is impossible. */
static int take_nearly_all(const char *start)
{
	const char *end = start + REACH - LEFT_OVER;

	for (;;) {
		ptrdiff_t left = end - (char *)sbrk(0);

		if (left <= 0)
			return 1;
		if (sbrk(left < (ptrdiff_t)STRIDE ? left : (ptrdiff_t)STRIDE) == (void *)-1)
			return 0;
	}
}

/* Fills slots with blocks until an allocation fails; returns the number of bytes. */
static size_t fill_up(void)
{
	size_t bytes = 0;

	for (int i = 0; i < SLOTS; i++) {
		struct slot *slot = &table.slots[i];

		if (slot->payload)
			continue;
		slot->size = 100000 + next_random(&table) % 30000;
		errno = 0;
		slot->payload = os_malloc(slot->size);
		if (!slot->payload) {
			if (errno != ENOMEM)
				complain("memory was not refused with ENOMEM");
			slot->size = 0;
			return bytes;
		}
		slot_fill(slot);
		bytes += slot->size;
	}
	complain("memory was never refused");
}

static void drop_half(void)
{
	for (int i = 0; i < SLOTS; i++)
		if (table.slots[i].payload && next_random(&table) % 2)
			slot_drop(&table.slots[i]);
}

int main(int argc, char **argv)
{
	unsigned char *first = os_malloc(100);
	const char *start = (char *)first - sizeof(struct block_meta);

	if (!take_nearly_all(start))
		return IMPOSSIBLE;
	for (long left = steps_wanted(argc, argv); left > 0; left--) {
		/* Only blocks at the far end are free. */
		if (fill_up() < USABLE)
			complain("memory was refused before the limit");
		for (int i = 0; i < 20; i++) {
			drop_half();
			fill_up();
			audit();
		}
		if ((char *)sbrk(0) > start + REACH)
			complain("the heap goes farther than links do");
		table_clear(&table);
	}
	os_free(first);
	audit();
	return 0;
}
