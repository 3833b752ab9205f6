// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz.h"

#include <string.h>

const struct family *family;
bool verbose;
bool fixed_refusals;
unsigned long operations;

/* In the hardened build only osmalloc: osmem is the same there. */
static const struct family *family_for(uint8_t byte)
{
	return byte % 2 && !osmalloc_family.canary ? &osmem_family : &osmalloc_family;
}

void input_run(const uint8_t *data, size_t size)
{
	struct operation operation;

	if (size == 0)
		return;
	family = with_mistake(family_for(data[0]));
	shadow_reset();
	for (size_t at = 1; at + sizeof(operation) <= size; at += sizeof(operation)) {
		memcpy(&operation, data + at, sizeof(operation));
		operation_run(&operation);
		operations++;
	}
	operations_end();
}

/* The name that libFuzzer calls. */
int input_one(const uint8_t *data, size_t size) __asm__("LLVMFuzzerTestOneInput");

int input_one(const uint8_t *data, size_t size)
{
	input_run(data, size);
	return 0;
}
