// SPDX-License-Identifier: BSD-3-Clause

#include "harden.h"

#include <string.h>

#include "check.h"
#include "lock.h"
#include "secret.h"
#include "sizeclass.h"

/* Random state, different in each thread and process; a program can find out, not foresee it. */
static __thread uint64_t state __attribute__((tls_model("initial-exec")));

/* An odd number and its inverse modulo 2^64: see slack_of(). */
#define SPREAD		0x9e3779b97f4a7c15
#define GATHER		0xf1de83e19937733d

static uint64_t *canary_of(const void *ptr, size_t size)
{
	return (uint64_t *)((uintptr_t)ptr + size - CANARY);
}

/* A thread that frees the slot behind this one reads its canary, too: hence atomic. */
static uint64_t canary_get(const void *ptr, size_t size)
{
	return __atomic_load_n(canary_of(ptr, size), __ATOMIC_RELAXED);
}

static void canary_set(void *ptr, size_t size, uint64_t canary)
{
	__atomic_store_n(canary_of(ptr, size), canary, __ATOMIC_RELAXED);
}

static uint64_t canary_for(const void *ptr)
{
	return ((uintptr_t)ptr + secret) * SPREAD ^ secret;
}

/* The filler. None of its bytes is 0, so that a terminating zero written too far is found. */
static uint64_t filler_for(const void *ptr)
{
	return canary_for(ptr) | 0x0101010101010101;
}

static size_t filled(size_t slack)
{
	return slack < FILLED_MOST ? slack : FILLED_MOST;
}

static void fill(char *at, size_t bytes, uint64_t filler)
{
	for (; bytes >= sizeof(filler); bytes -= sizeof(filler), at += sizeof(filler))
		memcpy(at, &filler, sizeof(filler));
	memcpy(at, &filler, bytes);
}

static bool is_filled(const char *at, size_t bytes, uint64_t filler)
{
	uint64_t wrong = 0;
	uint64_t word;

	for (; bytes >= sizeof(word); bytes -= sizeof(word), at += sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		wrong |= word ^ filler;
	}
	word = filler;
	memcpy(&word, at, bytes);
	return !(wrong | (word ^ filler));
}

/*
 * The number of bytes between those asked for and the canary. The canary encodes it: it is
 * canary_for() plus that number times SPREAD. Any other value decodes to a number that is too
 * large.
 */
static size_t slack_in(const void *ptr, uint64_t canary)
{
	return (canary - canary_for(ptr)) * GATHER;
}

static size_t slack_of(const void *ptr, size_t size)
{
	return slack_in(ptr, canary_get(ptr, size));
}

static size_t zeroed(size_t size)
{
	return size < ZEROED_MOST ? size : ZEROED_MOST;
}

/* What the processor compares in one step. */
typedef uint64_t pair __attribute__((vector_size(GRAIN), may_alias));

static bool is_zero(const void *ptr, size_t bytes)
{
	const pair *pairs = ptr;
	pair all = { 0 };

	for (size_t i = 0; i < bytes / sizeof(pair); i++)
		all |= pairs[i];
	return !(all[0] | all[1]);
}

void *harden_take(void *ptr, size_t size, size_t asked)
{
	size_t slack = size - CANARY - asked;

	fill((char *)ptr + asked, filled(slack), filler_for(ptr));
	signal_fence();
	canary_set(ptr, size, canary_for(ptr) + slack * SPREAD);
	return ptr;
}

size_t harden_asked(const void *ptr, size_t size)
{
	return size - CANARY - slack_of(ptr, size);
}

bool harden_is_bare(const void *ptr, size_t size)
{
	return !canary_get(ptr, size);
}

bool harden_is_clear(const void *ptr, size_t size)
{
	return is_zero(ptr, zeroed(size)) && harden_is_bare(ptr, size);
}

void harden_open(void *ptr, size_t room, size_t asked)
{
	canary_set(ptr, room + CANARY, 0);
	signal_fence();
	memset((char *)ptr + asked, 0, filled(room - asked));
}

void harden_verify(const char *api, const void *ptr, size_t size)
{
	if (!harden_is_clear(ptr, size))
		check_report(api, "write after free", ptr);
}

bool harden_is_intact(const void *ptr, size_t size)
{
	size_t slack = slack_of(ptr, size);

	return slack <= size - CANARY &&
	       is_filled((const char *)canary_of(ptr, size) - slack, filled(slack),
			 filler_for(ptr));
}

/* Another thread may be allocating or freeing the slot in front: then its canary is 0. */
static bool is_intact_before(const void *ptr, size_t size)
{
	const char *before = (const char *)ptr - size;
	/* Read once: the other thread may change it at any time. */
	uint64_t canary = canary_get(before, size);

	return !canary || slack_in(before, canary) <= size - CANARY;
}

void harden_check(const char *api, const void *ptr, size_t size, bool first)
{
	if (!harden_is_intact(ptr, size))
		check_report(api, "write past the end", ptr);
	if (!first && !is_intact_before(ptr, size))
		check_report(api, "write before the start", ptr);
}

void harden_give(void *ptr, size_t size)
{
	canary_set(ptr, size, 0);
	signal_fence();
	memset(ptr, 0, zeroed(size - CANARY));
}

unsigned int harden_choose(uint64_t bits)
{
	unsigned int turn;

	/* Marsaglia, Xorshift RNGs, 2003 */
	state += !state * (secret ^ (uintptr_t)&state);
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	turn = state >> 32 & 63;
	bits = bits >> turn | bits << (-turn & 63);
	return ((unsigned int)__builtin_ctzl(bits) + turn) & 63;
}
