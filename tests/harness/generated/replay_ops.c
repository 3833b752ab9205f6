// SPDX-License-Identifier: BSD-3-Clause
/*
 * The operations of a sequence, and the program's record of its blocks.
 *
 * Every live block is filled with its own pattern over its whole usable size (G5).
 * The pattern is verified before an operation uses the block, and at the end.
 */
#define _GNU_SOURCE
#include "replay.h"

#include <errno.h>
#include <string.h>

#include "block_meta.h"
#include "osmem.h"

#pragma weak osmem_check
#pragma weak osmem_walk

/* Of a long block only these parts are filled and verified. */
#define FRONT_WORDS	0x1000UL
#define BACK_WORDS	0x200UL

/* Distance between two words of the pattern that fills a block. */
#define STEP		0xd1b54a32d192ed03UL

struct block {
	char *payload;
	size_t size;
	int status;
	uint64_t seed;
};

/* Memory from the program's own sbrk, which may begin and end at any address. */
struct area {
	char *begin;
	size_t size;
	char byte;
};

static char *results[MAX_OPS];
static struct block live[MAX_OPS];	/* blocks that the program owns */
static struct block freed[MAX_OPS];	/* freed since the last heap search (G6) */
static struct area foreign[MAX_OPS];	/* not the library's memory (B2) */
static unsigned int nlive, nfreed, nforeign;
static uint64_t next_seed = 1;
static bool verify_always;
static char data_area[4096];

/* ---- contents ---- */

static void put_header(size_t size, int status)
{
	put_text(" ");
	put_number(size, 10);
	put_text(":");
	put_number((unsigned int)status, 10);
}

static void put_wrong(const char *what, const void *where)
{
	put_text(" ");
	put_text(what);
	put_text("=");
	put_address(where);
}

static uint64_t word_at(uint64_t seed, size_t index)
{
	return seed * 0x9e3779b97f4a7c15UL + index * STEP;
}

/* Index of the first word of the filled back part of a block of `words` words. */
static size_t back_begin(size_t words)
{
	return words > FRONT_WORDS + BACK_WORDS ? words - BACK_WORDS : FRONT_WORDS;
}

static void fill(char *payload, size_t size, uint64_t seed)
{
	uint64_t *words = (uint64_t *)payload;
	size_t count = size / 8;
	size_t i;

	for (i = 0; i < count && i < FRONT_WORDS; i++)
		words[i] = word_at(seed, i);
	for (i = back_begin(count); i < count; i++)
		words[i] = word_at(seed, i);
}

/*
 * Whether words[begin] up to words[end] hold the pattern. Without a way out of the loop, and with
 * an addition for each multiplication, the compiler handles several words at once.
 */
static bool holds_part(const uint64_t *words, size_t begin, size_t end, uint64_t seed)
{
	uint64_t expected = word_at(seed, begin);
	uint64_t differences = 0;

	for (size_t i = begin; i < end; i++) {
		differences |= words[i] ^ expected;
		expected += STEP;
	}
	return !differences;
}

/* Whether the first `bytes` at payload still hold the pattern of the block. */
static bool holds(const char *payload, size_t bytes, const struct block *pattern)
{
	const uint64_t *words = (const uint64_t *)payload;
	size_t count = bytes / 8;
	size_t front = count < FRONT_WORDS ? count : FRONT_WORDS;

	return holds_part(words, 0, front, pattern->seed) &&
	       holds_part(words, back_begin(pattern->size / 8), count, pattern->seed);
}

static bool all_zero(const char *bytes, size_t count)
{
	return !count || (!bytes[0] && !memcmp(bytes, bytes + 1, count - 1));
}

static void verify(const struct block *block, const char *complaint)
{
	if (!holds(block->payload, block->size, block))
		put_wrong(complaint, block->payload);
}

static void verify_each(const struct block *blocks, unsigned int count, const char *complaint)
{
	for (unsigned int i = 0; i < count; i++)
		verify(&blocks[i], complaint);
}

/* ---- the program's blocks ---- */

static const struct block_meta *header_of(const char *payload)
{
	return (const struct block_meta *)(payload - sizeof(struct block_meta));
}

static struct block *live_find(const char *payload)
{
	for (unsigned int i = 0; i < nlive; i++)
		if (live[i].payload == payload)
			return &live[i];
	return NULL;
}

static void live_add(char *payload)
{
	const struct block_meta *header = header_of(payload);

	if ((uintptr_t)payload % 8)
		put_wrong("misaligned", payload);
	if (live_find(payload))
		put_wrong("twice", payload);
	live[nlive] = (struct block){ payload, header->size, header->status, next_seed++ };
	put_header(header->size, header->status);
	fill(payload, header->size, live[nlive].seed);
	nlive++;
}

static void live_remove(struct block *block)
{
	*block = live[--nlive];
}

/* Records that the last call freed the block. A heap block must keep its bytes for now (G6). */
static void live_end(struct block *block)
{
	struct block old = *block;
	const struct block_meta *header = header_of(old.payload);

	live_remove(block);
	if (is_mapped((uintptr_t)old.payload))
		return;
	put_header(header->size, header->status);
	freed[nfreed++] = old;
}

/* Only a heap search may reuse freed blocks (G6, H1). */
static void forget_freed(const char *result)
{
	if (!is_mapped((uintptr_t)result))
		nfreed = 0;
}

static void verify_headers(void)
{
	for (unsigned int i = 0; i < nlive; i++) {
		const struct block_meta *header = header_of(live[i].payload);

		if (header->size == live[i].size && header->status == live[i].status)
			continue;
		put_wrong("changed", live[i].payload);
		put_header(header->size, header->status);
	}
}

static void put_result(const char *result, int error)
{
	put_text("= ");
	put_address(result);
	put_text(" ");
	put_number((unsigned int)error, 10);
}

/* ---- reading ---- */

static size_t read_number(const char **text)
{
	size_t number = 0;

	while (**text == ' ')
		(*text)++;
	while (**text >= '0' && **text <= '9')
		number = number * 10 + (size_t)(*(*text)++ - '0');
	return number;
}

/* Consumes `name` if the text continues with it. */
static bool read_word(const char **text, const char *name)
{
	size_t length = strlen(name);

	if (strncmp(*text, name, length))
		return false;
	*text += length;
	return true;
}

/* ---- operations ---- */

static char *do_malloc(size_t size)
{
	char *result;

	inside = true;
	result = os_malloc(size);
	inside = false;
	put_result(result, errno);
	forget_freed(result);
	if (result)
		live_add(result);
	return result;
}

static char *do_calloc(size_t count, size_t size)
{
	char *result;

	inside = true;
	result = os_calloc(count, size);
	inside = false;
	put_result(result, errno);
	forget_freed(result);
	if (result && !all_zero(result, count * size))
		put_wrong("not-zero", result);
	if (result)
		live_add(result);
	return result;
}

/* Checks that a successful os_realloc of a live block kept its contents (X9). */
static void check_copy(const struct block *old, const char *result, size_t size)
{
	size_t kept = (size + 7) / 8 * 8;

	if (!holds(result, old->size < kept ? old->size : kept, old))
		put_wrong("not-copied", result);
}

static char *do_realloc(char *pointer, size_t size)
{
	struct block *old = live_find(pointer);
	char *result;

	if (old)
		verify(old, "content");
	inside = true;
	result = os_realloc(pointer, size);
	inside = false;
	put_result(result, errno);
	forget_freed(result);
	if (result && old)
		check_copy(old, result, size);
	if (result && old && result == pointer)
		live_remove(old);
	else if (old && (result || (!size && !errno)))
		live_end(old);
	if (result)
		live_add(result);
	return result;
}

static void do_free(char *pointer)
{
	struct block *old = live_find(pointer);

	if (old)
		verify(old, "content");
	report->freed = (uintptr_t)pointer;
	inside = true;
	os_free(pointer);
	inside = false;
	report->freed = 0;
	put_text("= v ");
	put_number((unsigned int)errno, 10);
	if (old && !errno)
		live_end(old);
}

static void take_area(size_t size)
{
	struct area *area = &foreign[nforeign];

	*area = (struct area){ current_break(), size, (char)('A' + nforeign % 26) };
	nforeign++;
	foreign_sbrk((intptr_t)size);
	memset(area->begin, area->byte, size);
}

/* Returns the memory that the program took last, if the break is still at its end. */
static void return_area(size_t size)
{
	while (size && nforeign) {
		struct area *area = &foreign[nforeign - 1];
		size_t part = size < area->size ? size : area->size;

		if (area->begin + area->size != current_break())
			break;
		area->size -= part;
		size -= part;
		foreign_sbrk(-(intptr_t)part);
		if (!area->size)
			nforeign--;
	}
	if (size)
		put_text("too much ");
}

static void do_sbrk(const char **text)
{
	bool back = read_word(text, " -");
	size_t size = read_number(text);
	char *old = current_break();

	if (back)
		return_area(size);
	else
		take_area(size);
	put_text("s ");
	put_address(old);
	put_text(" ");
	put_address(current_break());
}

static void verify_area(const struct area *area)
{
	for (size_t i = 0; i < area->size; i++) {
		if (area->begin[i] == area->byte)
			continue;
		put_wrong("foreign", area->begin + i);
		return;
	}
}

static void verify_after(void)
{
	const char *broken = osmem_check ? osmem_check() : NULL;

	if (broken) {
		put_text(" check=");
		put_text(broken);
	}
	verify_headers();
	verify_each(freed, nfreed, "freed-content");
	for (unsigned int i = 0; i < nforeign; i++)
		verify_area(&foreign[i]);
	if (verify_always)
		verify_each(live, nlive, "content");
}

/* ---- pointers and sequences ---- */

static uintptr_t read_base(const char **text)
{
	uintptr_t stack_word = 0;

	if (read_word(text, "nil"))
		return 0;
	if (read_word(text, "heap"))
		return (uintptr_t)heap_start;
	if (read_word(text, "brk"))
		return (uintptr_t)current_break();
	if (read_word(text, "stack"))
		return (uintptr_t)&stack_word & ~(uintptr_t)7;
	if (read_word(text, "data"))
		return (uintptr_t)(data_area + 2048);
	if (read_word(text, "code"))
		return (uintptr_t)read_number & ~(uintptr_t)7;
	if (read_word(text, "hole"))
		return unmapped_address();
	if (read_word(text, "top"))
		return ~(uintptr_t)7;
	return (uintptr_t)results[read_number(text) % MAX_OPS];
}

static char *read_pointer(const char **text)
{
	uintptr_t address;

	while (**text == ' ')
		(*text)++;
	address = read_base(text);
	if (read_word(text, "+"))
		address += read_number(text);
	else if (read_word(text, "-"))
		address -= read_number(text);
	return (char *)address;
}

static int put_heap_block(const struct block_meta *header, void *unused)
{
	(void)unused;
	if (!is_mapped((uintptr_t)header)) {
		put_text(" ");
		put_address(header + 1);
		put_header(header->size, header->status);
	}
	return 0;
}

static void put_heap(void)
{
	put_text("heap");
	osmem_walk(put_heap_block, NULL);
}

/* Runs an operation whose letter was consumed; the text holds its arguments. */
static void run_operation(char letter, const char **text, unsigned int index)
{
	char *pointer = NULL;
	size_t count = 0;

	if (letter == 'r' || letter == 'f')
		pointer = read_pointer(text);
	if (letter == 'c')
		count = read_number(text);
	errno = 0;
	if (letter == 'm')
		results[index] = do_malloc(read_number(text));
	else if (letter == 'c')
		results[index] = do_calloc(count, read_number(text));
	else if (letter == 'r')
		results[index] = do_realloc(pointer, read_number(text));
	else if (letter == 'f')
		do_free(pointer);
	else if (letter == 's')
		do_sbrk(text);
	else if (letter == 'x')
		fail_call(read_number(text));
	else if (letter == 'v')
		verify_always = true;
	else if (letter == 'w' && osmem_walk)
		put_heap();
	else
		put_text("unknown operation");
}

/* Sorts live blocks by address: the heap, then the mappings. */
static void sort_live(void)
{
	for (unsigned int i = 0; i < nlive; i++) {
		for (unsigned int j = i + 1; j < nlive; j++) {
			struct block swapped = live[i];

			if (live[j].payload >= swapped.payload)
				continue;
			live[i] = live[j];
			live[j] = swapped;
		}
	}
}

static void put_live(void)
{
	sort_live();
	put_text("live");
	for (unsigned int i = 0; i < nlive; i++) {
		put_text(" ");
		put_address(live[i].payload);
		put_header(live[i].size, live[i].status);
	}
	verify_each(live, nlive, "content");
	put_text("\n");
}

void run_sequence(const char *text)
{
	unsigned int index = 0;

	while (*text && index < MAX_OPS) {
		if (*text == ' ' || *text == ';') {
			text++;
			continue;
		}
		run_operation(*text, &(const char *){ text + 1 }, index++);
		text = strchrnul(text, ';');
		verify_after();
		put_text("\n");
	}
	put_live();
	if (!osmem_walk)
		return;
	put_heap();
	put_text("\n");
}

/* Writes which functions the library has besides the four. */
void put_abilities(void)
{
	put_text(osmem_walk ? " walk" : " no-walk");
	put_text(osmem_check ? " check" : " no-check");
}
