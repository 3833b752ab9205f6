// SPDX-License-Identifier: BSD-3-Clause

/* All three families and the C library's malloc in one program, each with its own blocks. */

#include "../family/family.h"

#include "memory_allocator.h"
#include "my_alloc.h"
#include "osmem.h"

#define BLOCKS	100
#define STEPS	20000

static const struct {
	void *(*resize)(void *ptr, size_t size);
	void (*release)(void *ptr);
} families[] = {
	{ realloc, free }, { os_realloc, os_free }, { reall_oc, freee }, { memresize, memfree },
};

int main(void)
{
	static struct { void *block; size_t size; } held[LENGTH(families)][BLOCKS];
	uint64_t state = 88172645463325252;

	watchdog();
	CHECK(on_glibc());
	for (size_t i = 0; i < STEPS; i++) {
		size_t family = i % LENGTH(families), which = next_random(&state) % BLOCKS;
		size_t size = random_size(&state), old = held[family][which].size;
		void *block = families[family].resize(held[family][which].block, size);

		CHECK_FOR(block && holds(block, old < size ? old : size, family), i);
		fill(block, size, family);
		held[family][which].block = block;
		held[family][which].size = size;
	}
	for (size_t family = 0; family < LENGTH(families); family++)
		for (size_t i = 0; i < BLOCKS; i++) {
			CHECK_FOR(holds(held[family][i].block, held[family][i].size, family), i);
			families[family].release(held[family][i].block);
		}
	CHECK(!osmem_check());
	return 0;
}
