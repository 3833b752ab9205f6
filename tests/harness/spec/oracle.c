// SPDX-License-Identifier: BSD-3-Clause
/*
 * A stand-in for libosmem.so without a policy. It sends every call to oracle.py over an inherited
 * socket and carries out the orders that come back until one says return. The heap is an arena that
 * is reserved here; messages hold addresses of this process.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "block_meta.h"

#define ARENA_BYTES 0x100000000ul	/* reserved, not committed; more heap than programs use */

enum request { HELLO, MALLOC, CALLOC, REALLOC, FREE, MAPPED };
enum order { MAP, UNMAP, HEADER, COPY, FILL, RETURN };

struct message {
	uint64_t what;
	uint64_t a, b, c;
};

static int channel;

static void say(enum request what, uint64_t a, uint64_t b)
{
	struct message message = { .what = what, .a = a, .b = b };

	if (send(channel, &message, sizeof(message), MSG_NOSIGNAL) != sizeof(message))
		abort();
}

static void *reserve(size_t length, int flags)
{
	void *start = mmap(NULL, length, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

	if (start == MAP_FAILED)
		abort();
	return start;
}

static void write_header(void *header, size_t size, int status)
{
	struct block_meta *block = header;

	block->size = size;
	block->status = status;
	block->prev = NULL;
	block->next = NULL;
}

static void carry_out(const struct message *order)
{
	void *place = (void *)order->a;

	switch (order->what) {
	case MAP:
		say(MAPPED, (uint64_t)reserve(order->a, 0), 0);
		break;
	case UNMAP:
		if (munmap(place, order->b) != 0)
			abort();
		break;
	case HEADER:
		write_header(place, order->b, (int)order->c);
		break;
	case COPY:
		memmove(place, (void *)order->b, order->c);
		break;
	case FILL:
		memset(place, (int)order->c, order->b);
		break;
	default:
		abort();
	}
}

static void *ask(enum request what, uint64_t a, uint64_t b)
{
	struct message order;

	say(what, a, b);
	while (recv(channel, &order, sizeof(order), MSG_WAITALL) == sizeof(order)) {
		if (order.what != RETURN) {
			carry_out(&order);
			continue;
		}
		if (order.b != 0)
			errno = (int)order.b;
		return (void *)order.a;
	}
	abort();
}

__attribute__((constructor)) static void greet(void)
{
	channel = atoi(getenv("OSMEM_ORACLE_CHANNEL"));
	say(HELLO, (uint64_t)reserve(ARENA_BYTES, MAP_NORESERVE), ARENA_BYTES);
}

void *os_malloc(size_t size)
{
	return ask(MALLOC, size, 0);
}

void *os_calloc(size_t nmemb, size_t size)
{
	return ask(CALLOC, nmemb, size);
}

void *os_realloc(void *ptr, size_t size)
{
	return ask(REALLOC, (uint64_t)ptr, size);
}

void os_free(void *ptr)
{
	ask(FREE, (uint64_t)ptr, 0);
}
