// SPDX-License-Identifier: BSD-3-Clause
/*
 * A server: 32 MiB of messages. Each new one replaces the oldest, and their typical size drifts
 * from 64 bytes to 4 KiB and back. Each such cycle allocates 512 MiB; four of them are the steady
 * phase. Then all are freed.
 */

#include "budget.h"

#define LIVE_BYTES	(32 * MIB)
#define PLACES		(1UL << 20)
#define STEPS		64
#define STEP_BYTES	(8 * MIB)

static struct {
	char *block[PLACES];
	uint32_t size[PLACES];
	size_t first;
	size_t end;
	size_t bytes;
} queue;

PHASE(warm_up)
PHASE(steady)
PHASE(free)

static void push(size_t size)
{
	size_t place = queue.end++ % PLACES;

	CHECK(queue.end - queue.first <= PLACES);
	queue.block[place] = checked_malloc(size);
	queue.size[place] = (uint32_t)size;
	queue.bytes += size;
}

static void pop(void)
{
	size_t place = queue.first++ % PLACES;

	free(queue.block[place]);
	queue.bytes -= queue.size[place];
}

static void serve(uint64_t *state, size_t typical)
{
	for (size_t bytes = 0; bytes < STEP_BYTES; ) {
		size_t size = random_between(state, typical / 2, typical + typical / 2);

		push(size);
		bytes += size;
		while (queue.bytes > LIVE_BYTES)
			pop();
	}
}

/* From 64 bytes up to 4 KiB and down again. */
static void tide(uint64_t *state)
{
	for (size_t step = 0; step < STEPS; step++) {
		size_t up = step < STEPS / 2 ? step : STEPS - 1 - step;

		serve(state, 64 + up * (4096 - 64) / (STEPS / 2 - 1));
	}
}

int main(void)
{
	uint64_t state = 5;

	serve(&state, 64);
	phase_warm_up();
	tide(&state);
	tide(&state);
	phase_steady();
	for (size_t n = 0; n < 4; n++)
		tide(&state);
	phase_free();
	while (queue.first < queue.end)
		pop();
	return 0;
}
