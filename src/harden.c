// SPDX-License-Identifier: BSD-3-Clause

#include "harden.h"

#include <string.h>

#include "central.h"
#include "check.h"
#include "sizeclass.h"

/* Different for each thread and process; not secret for long, but not foreseeable either. */
static __thread uint64_t state __attribute__((tls_model("initial-exec")));

static uint64_t *canary_of(const void *ptr, size_t size)
{
	return (uint64_t *)((uintptr_t)ptr + size - CANARY);
}

/* Its first byte is not 0: a string's end written too far does not go unnoticed. */
static uint64_t canary_for(const void *ptr)
{
	return (((uintptr_t)ptr + central_secret) * 0x9e3779b97f4a7c15 ^ central_secret) | 1;
}

static size_t zeroed(size_t size)
{
	return size < ZEROED_MOST ? size : ZEROED_MOST;
}

/* What the processor looks at in one go. */
typedef uint64_t pair __attribute__((vector_size(GRAIN), may_alias));

static bool is_zero(const void *ptr, size_t bytes)
{
	const pair *pairs = ptr;
	pair all = { 0 };

	for (size_t i = 0; i < bytes / sizeof(pair); i++)
		all |= pairs[i];
	return !(all[0] | all[1]);
}

void harden_verify(const void *ptr, size_t size)
{
	if (!is_zero(ptr, zeroed(size)))
		check_report("osmalloc", "malloc", "write after free", ptr);
}

void *harden_take(void *ptr, size_t size)
{
	*canary_of(ptr, size) = canary_for(ptr);
	return ptr;
}

bool harden_is_intact(const void *ptr, size_t size)
{
	return *canary_of(ptr, size) == canary_for(ptr);
}

bool harden_is_bare(const void *ptr, size_t size)
{
	return !*canary_of(ptr, size);
}

bool harden_is_clear(const void *ptr, size_t size)
{
	return is_zero(ptr, zeroed(size)) && harden_is_bare(ptr, size);
}

void harden_check(const char *api, const void *ptr, size_t size)
{
	if (!harden_is_intact(ptr, size))
		check_report("osmalloc", api, "write past the end", ptr);
}

void harden_give(void *ptr, size_t size)
{
	memset(ptr, 0, zeroed(size));
	*canary_of(ptr, size) = 0;
}

unsigned int harden_choose(uint64_t bits)
{
	unsigned int turn;

	/* Marsaglia, Xorshift RNGs, 2003 */
	state += !state * (central_secret ^ (uintptr_t)&state);
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	turn = state >> 32 & 63;
	bits = bits >> turn | bits << (-turn & 63);
	return ((unsigned int)__builtin_ctzl(bits) + turn) & 63;
}
