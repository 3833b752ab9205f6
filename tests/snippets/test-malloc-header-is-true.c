// SPDX-License-Identifier: BSD-3-Clause
/*
 * The 32 bytes before a payload: size at 0, status at 8, prev at 16 and next at
 * 24 (G1), read here byte by byte, with the values 1 for a heap block and 2 for
 * a mapping (G3).
 */
#include "snippet.h"

static size_t size_before(const char *payload)
{
	return *(const size_t *)(payload - 32);
}

static size_t status_before(const char *payload)
{
	return (size_t)*(const int *)(payload - 24);
}

int main(void)
{
	char *small = os_malloc(80);
	char *large = os_malloc(150000);

	CHECK(sizeof(struct block_meta) == 32, "the header is not 32 bytes (G1)");
	CHECK(offsetof(struct block_meta, prev) == 16, "prev is not at 16 (G1)");
	CHECK(offsetof(struct block_meta, next) == 24, "next is not at 24 (G1)");
	EQUAL(size_before(small), 80, "size of the heap block (G1, G2)");
	EQUAL(status_before(small), 1, "status of the heap block (G3)");
	EQUAL(size_before(large), 150000, "size of the mapping (G1, G2)");
	EQUAL(status_before(large), 2, "status of the mapping (G3)");
	os_free(large);
	os_free(small);
	return 0;
}
