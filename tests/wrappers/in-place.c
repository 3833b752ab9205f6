// SPDX-License-Identifier: BSD-3-Clause

/*
 * memresize() leaves a block in place in three cases: the block shrinks, and the rest can be
 * allocated; it grows into a free neighbour or at the break; it is a mapping and at least half of
 * it stays in use. Otherwise the block moves with its contents.
 */

#include "../family/family.h"

#include "memory_allocator.h"

static void *resized(void *block, size_t from, size_t to)
{
	void *after;

	fill(block, from, from);
	after = memresize(hide(block), to);
	CHECK_FOR(after && holds(after, from < to ? from : to, from), to);
	return after;
}

static void shrinks(void)
{
	char *block = memalloc(20000), *guard = memalloc(16), *other;

	CHECK(resized(block, 20000, 5000) == block);
	other = memalloc(14000);
	CHECK(other > block && other < guard);
	memfree(other);
	memfree(guard);
	memfree(block);
}

static void grows(void)
{
	char *block = memalloc(1000), *neighbour = memalloc(1000), *guard = memalloc(16);

	memfree(neighbour);
	CHECK(resized(block, 1000, 2000) == block);
	CHECK(resized(block, 2000, 9000) != block);
	memfree(guard);
}

static void grows_at_break(void)
{
	char *other = memalloc(130000), *block = memalloc(130000);

	CHECK((char *)sbrk(0) == block + 130000);
	CHECK(resized(block, 130000, 131000) == block);
	memfree(block);
	memfree(other);
}

static void maps(void)
{
	size_t before = process_has(VM_DATA);
	char *block = memalloc(10 * MIB);

	CHECK(resized(block, 10 * MIB, 10 * MIB) == block);
	CHECK(resized(block, 10 * MIB, 6 * MIB) == block);
	CHECK(resized(block, 6 * MIB, 10 * MIB) == block);
	block = resized(block, 10 * MIB, 11 * MIB);
	/* A mapping that shrinks below half moves, and the old one is unmapped. */
	CHECK(process_has(VM_DATA) > before + 11 * MIB);
	block = resized(block, 11 * MIB, MIB);
	CHECK(process_has(VM_DATA) < before + 2 * MIB);
	memfree(resized(block, MIB, 100));
}

int main(void)
{
	watchdog();
	grows_at_break();
	shrinks();
	grows();
	maps();
	return 0;
}
