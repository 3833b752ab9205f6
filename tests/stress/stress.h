/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Shared by the stress programs: a table of blocks that one thread changes at
 * random, with every byte of each block verified.
 */

#ifndef STRESS_H
#define STRESS_H

#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "osmem.h"
#include "printf.h"

#define SLOTS	200

struct slot {
	unsigned char *payload;
	size_t size;
};

struct table {
	struct slot slots[SLOTS];
	uint64_t state;		/* state of the random numbers; not 0 */
};

/* Says what went wrong and ends the program with status 1. */
_Noreturn static inline void complain(const char *what)
{
	dprintf_(STDERR_FILENO, "%s\n", what);
	_exit(1);
}

/* Ends the program with status 77 if the C library's sbrk() moves no break. */
static inline void need_sbrk(void)
{
	if (sbrk(1) == (void *)-1)
		_exit(77);
	sbrk(-1);
}

/* Marsaglia's xorshift64. */
static inline uint64_t next_random(struct table *table)
{
	table->state ^= table->state << 13;
	table->state ^= table->state >> 7;
	table->state ^= table->state << 17;
	return table->state >> 11;
}

/* Mostly small, sometimes up to the mapping threshold and beyond. */
static inline size_t random_size(struct table *table)
{
	static const size_t most[] = { 64, 64, 300, 300, 1000, 5000, 20000, 150000 };

	return 1 + next_random(table) % most[next_random(table) % 8];
}

static inline unsigned char tag_of(const struct slot *slot, size_t i)
{
	return (unsigned char)((uintptr_t)slot / sizeof(*slot) * 7 + i);
}

static inline void slot_fill(struct slot *slot)
{
	for (size_t i = 0; i < slot->size; i++)
		slot->payload[i] = tag_of(slot, i);
}

static inline void slot_verify(const struct slot *slot, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (slot->payload[i] != tag_of(slot, i))
			complain("a block's contents changed");
}

static inline void slot_drop(struct slot *slot)
{
	slot_verify(slot, slot->size);
	os_free(slot->payload);
	slot->payload = NULL;
	slot->size = 0;
}

static inline void slot_resize(struct slot *slot, size_t size)
{
	size_t kept = slot->size < size ? slot->size : size;
	unsigned char *payload;

	slot_verify(slot, slot->size);
	payload = os_realloc(slot->payload, size);
	if (!payload)
		complain("os_realloc() returned NULL");
	slot->payload = payload;
	slot_verify(slot, kept);
	slot->size = size;
	slot_fill(slot);
}

static inline void slot_make(struct slot *slot, size_t size, int zeroed)
{
	slot->payload = zeroed ? os_calloc(1, size) : os_malloc(size);
	if (!slot->payload)
		complain("os_malloc() or os_calloc() returned NULL");
	for (size_t i = 0; zeroed && i < size; i++)
		if (slot->payload[i])
			complain("os_calloc() left a byte that is not zero");
	slot->size = size;
	slot_fill(slot);
}

/* One random operation on one random slot. */
static inline void table_step(struct table *table)
{
	struct slot *slot = &table->slots[next_random(table) % SLOTS];
	uint64_t choice = next_random(table) % 4;

	if (choice == 0)
		slot_resize(slot, random_size(table));
	else if (slot->payload)
		slot_drop(slot);
	else
		slot_make(slot, random_size(table), choice == 1);
}

static inline void table_run(struct table *table, long steps)
{
	while (steps-- > 0)
		table_step(table);
}

static inline void table_clear(struct table *table)
{
	for (int i = 0; i < SLOTS; i++)
		if (table->slots[i].payload)
			slot_drop(&table->slots[i]);
}

/* A program's number of steps: its first argument. */
static inline long steps_wanted(int argc, char **argv)
{
	if (argc != 2)
		complain("wants one argument: how many steps");
	return atol(argv[1]);
}

static inline void audit(void)
{
	const char *fault = osmem_check();

	if (fault)
		complain(fault);
}

#endif
