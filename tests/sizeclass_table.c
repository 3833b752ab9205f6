// SPDX-License-Identifier: BSD-3-Clause

/*
 * Checks osmalloc/sizeclass.h for every size and every class: prints a line for each
 * mistake, and the number of checks.
 */

#include <stdio.h>

#include "sizeclass.h"

#define UNIT	16384U	/* the strictest alignment that slabs serve */

static void complain(const char *what, size_t number)
{
	printf("%s: %zu\n", what, number);
}

static void check_classes(void)
{
	for (unsigned int class = 0; class < CLASSES; class++) {
		if (class_of(class_size(class)) != class)
			complain("a class's own size has another class", class);
		if (class_size(class) % GRAIN)
			complain("a slot that is not aligned", class);
		if (class && class_size(class) <= class_size(class - 1))
			complain("classes out of order", class);
	}
	if (class_size(CLASSES - 1) != SLOT_MOST)
		complain("the last class is not the largest slot", class_size(CLASSES - 1));
}

static void check_size(size_t size)
{
	unsigned int class = class_of(size);
	size_t slot = class_size(class);

	if (class >= CLASSES || slot < size || !slot)
		complain("a slot that is too small", size);
	if (class && class_size(class - 1) >= size)
		complain("a slot that is larger than need be", size);
	if (size > 8 * GRAIN && slot - size >= slot / (size <= FINE_MOST ? 9 : 5))
		complain("more waste than promised", size);
	for (size_t alignment = GRAIN; alignment <= UNIT && size && size % alignment == 0;
	     alignment *= 2)
		if (slot % alignment)
			complain("a slot that loses an alignment", size);
}

int main(void)
{
	check_classes();
	for (size_t size = 0; size <= SLOT_MOST; size++)
		check_size(size);
	printf("%u classes, %u sizes\n", CLASSES, SLOT_MOST + 1);
	return 0;
}
