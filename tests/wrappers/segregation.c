// SPDX-License-Identifier: BSD-3-Clause

/*
 * my_alloc has a list for each size class: a page holds blocks of one class, a freed block is
 * reused for its class only, and there are at least NUM_CLASSES classes, each for several sizes.
 */

#include "../family/family.h"

#include "my_alloc.h"

#define EACH	200

static const size_t sizes[] = { 16, 48, 96, 200, 500, 1000 };

static void *blocks[EACH][LENGTH(sizes)];

static size_t page_of(const void *block)
{
	return (uintptr_t)block / page_size();
}

/* Whether a block of another class begins in a page of this block. */
static bool shares(size_t i, size_t class)
{
	size_t first = page_of(blocks[i][class]);
	size_t last = page_of((char *)blocks[i][class] + sizes[class] - 1);

	for (size_t j = 0; j < EACH; j++)
		for (size_t other = 0; other < LENGTH(sizes); other++)
			if (other != class && page_of(blocks[j][other]) >= first &&
			    page_of(blocks[j][other]) <= last)
				return true;
	return false;
}

/* Allocates from the classes in turn: no two of them may share a page. */
static void pages(void)
{
	for (size_t i = 0; i < EACH; i++)
		for (size_t class = 0; class < LENGTH(sizes); class++) {
			blocks[i][class] = my_alloc(sizes[class]);
			CHECK_FOR(blocks[i][class], sizes[class]);
		}
	for (size_t i = 0; i < EACH; i++)
		for (size_t class = 0; class < LENGTH(sizes); class++)
			CHECK_FOR(!shares(i, class), sizes[class]);
}

static void lists(size_t class)
{
	void *freed = blocks[EACH / 2][class];
	bool found = false;

	freee(freed);
	for (size_t other = 0; other < LENGTH(sizes); other++)
		for (size_t i = 0; other != class && i < EACH; i++)
			CHECK_FOR(my_alloc(sizes[other]) != hide(freed), sizes[class]);
	for (size_t i = 0; i < EACH * 10 && !found; i++)
		found = my_alloc(sizes[class]) == hide(freed);
	CHECK_FOR(found, sizes[class]);
}

/* The distance from one block of that size to the next: the slot size of its class. */
static size_t stride(size_t size)
{
	char *one = my_alloc(size), *other = my_alloc(size);
	size_t apart = one < other ? (size_t)(other - one) : (size_t)(one - other);

	CHECK_FOR(one && other, size);
	freee(one);
	freee(other);
	return apart;
}

static void classes(void)
{
	size_t found = 0, asked = 0, last = 0;

	for (size_t size = 8; size <= 128 * KIB; size += 8 + size / 16 / 8 * 8, asked++) {
		size_t class = stride(size);

		CHECK_FOR(class >= size, size);
		found += class > last;
		last = class > last ? class : last;
	}
	CHECK_FOR(found >= NUM_CLASSES, found);
	CHECK_FOR(found <= asked * 3 / 4, found);
}

static void pages_and_lists(void *unused)
{
	(void)unused;
	pages();
	for (size_t class = 0; class < LENGTH(sizes); class++)
		lists(class);
}

int main(void)
{
	watchdog();
	/* Run in a child: empty lists in this process make new blocks adjacent. */
	in_child(pages_and_lists, NULL);
	classes();
	return 0;
}
