// SPDX-License-Identifier: BSD-3-Clause

/*
 * Bytes that were never set are copied from block to block, as happens with the
 * padding of structures. What the allocator once wrote there must have no effect.
 */

#include "family.h"

#define SMALL	20000
#define BLOCKS	300

static unsigned char *blocks[SMALL];

static void take(size_t count, size_t size)
{
	for (size_t i = 0; i < count; i++) {
		blocks[i] = malloc(size);
		CHECK_FOR(blocks[i], size);
	}
}

static void drop(size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(blocks[i]);
}

/* Copies each place where a smaller slot may have begun to the start of another block. */
static void copy_all(size_t size)
{
	for (size_t i = 0; i < BLOCKS; i++)
		for (size_t from = 16; from + 16 <= size; from += 16) {
			unsigned char *other = malloc(size);

			CHECK_FOR(other, size);
			memcpy(hide(other), blocks[i] + from, 16);
			free(other);
		}
}

int main(void)
{
	static const size_t sizes[] = { 48, 256, 1000, 3072 };

	watchdog();
	for (size_t small = 16; small <= 64; small += 16)
		for (size_t i = 0; i < LENGTH(sizes); i++) {
			take(SMALL, small);
			drop(SMALL);
			take(BLOCKS, sizes[i]);
			copy_all(sizes[i]);
			drop(BLOCKS);
		}
	return 0;
}
