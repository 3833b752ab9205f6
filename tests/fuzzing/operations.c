// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KIB		((size_t)1 << 10)
#define MIB		((size_t)1 << 20)
#define PAGE		(4 * KIB)
#define LIVE_MOST	(512 * MIB)	/* bytes of live blocks that are not small */
#define CERTAIN		((size_t)1 << 30)	/* the library itself never refuses this much */
#define ADDRESSES	((size_t)1 << 48)	/* bytes of the address space */
#define MANY_MOST	600		/* the most blocks that one operation allocates */
#define UNTOUCHED	12345		/* an errno that no function sets */

/* The running operation, for the thread that runs it. */
static struct operation now;
static unsigned long refusals_before;

/* Sizes */

static size_t near_power(size_t n)
{
	return ((size_t)1 << (4 + n % 21)) + n / 21 % 33 - 16;
}

static size_t impossible(size_t n)
{
	static const size_t limits[] = {
		SIZE_MAX, PTRDIFF_MAX, PTRDIFF_MAX, (size_t)1 << 63, (size_t)1 << 47,
		PTRDIFF_MAX - 4 * MIB, PTRDIFF_MAX + 4 * KIB, SIZE_MAX - 4 * MIB,
	};

	return limits[n % 8] - n / 8;
}

size_t size_of(uint16_t amount)
{
	size_t n = amount & 0x1fff;

	switch (amount >> 13) {
	case 0:
		return n % 129;
	case 1:
		return n % (KIB + 1);
	case 2:
		return n;
	case 3:
		return near_power(n);
	case 4:
		return n * 16;
	case 5:
		return n * 256;
	case 6:
		return n * PAGE;
	default:
		return impossible(n);
	}
}

static size_t size_now(void)
{
	size_t size = size_of(now.amount);

	return size > MIB && size <= CERTAIN && live_bytes() > LIVE_MOST ? size % KIB : size;
}

/* Mostly powers of two, some of them huge; sometimes invalid alignments. */
static size_t alignment_now(void)
{
	if (now.extra % 16 == 15)
		return now.extra / 16;
	if (now.extra % 16 == 14)
		return (size_t)1 << (now.extra / 16 % 64);
	return (size_t)1 << (now.extra % 18);
}

static size_t factor_now(void)
{
	return now.extra % 8 == 7 ? (size_t)1 << (now.extra / 8 % 64) : now.extra % 8;
}

/* Answers */

__attribute__((format(printf, 1, 2))) static void begin(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(context, sizeof(context), format, args);
	va_end(args);
	if (verbose)
		fprintf(stderr, "%s%s\n", context, now.thread > MAIN_MOST ? " (by a helper)" : "");
	refusals_before = refusals;
	errno = UNTOUCHED;
}

static bool any_refused(void)
{
	return refusals > refusals_before;
}

static void errno_must_be(int wanted, const char *otherwise)
{
	if (errno != wanted)
		complain(otherwise, NULL);
}

/* NULL for a request that may fail because of its size, or because the kernel refused. */
static void must_be_refused(size_t size)
{
	errno_must_be(ENOMEM, "NULL without ENOMEM");
	if (size <= CERTAIN && !any_refused())
		complain("NULL although there is memory", NULL);
}

static void answer(void *ptr, size_t size, size_t alignment, bool zero)
{
	if (!ptr && family->zero_is_null && size == 0) {
		errno_must_be(UNTOUCHED, "errno for size 0");
		return;
	}
	if (!ptr) {
		must_be_refused(size > alignment ? size : alignment);
		return;
	}
	errno_must_be(UNTOUCHED, "errno changed");
	if (size > PTRDIFF_MAX)
		complain("impossible size granted", ptr);
	shadow_add(ptr, size, alignment, zero);
}

/* Taking */

static void do_malloc(void)
{
	size_t size = size_now();

	begin("malloc(%zu)", size);
	answer(family->malloc(size), size, family->grain, false);
}

static size_t product_of(size_t nmemb, size_t size)
{
	size_t total;

	return __builtin_mul_overflow(nmemb, size, &total) ? SIZE_MAX : total;
}

static void do_calloc(void)
{
	size_t nmemb = factor_now();
	size_t size = size_now();

	begin("calloc(%zu, %zu)", nmemb, size);
	answer(family->calloc(nmemb, size), product_of(nmemb, size), family->grain, true);
}

static bool is_power_of_two(size_t n)
{
	return n && !(n & (n - 1));
}

static void do_aligned(void *(*alloc)(size_t alignment, size_t size), const char *name)
{
	size_t alignment = alignment_now();
	size_t size = size_now();
	void *ptr;

	begin("%s(%zu, %zu)", name, alignment, size);
	ptr = alloc(alignment, size);
	if (is_power_of_two(alignment)) {
		answer(ptr, size, alignment, false);
		return;
	}
	errno_must_be(EINVAL, "no EINVAL for an alignment that is no power of two");
	if (ptr)
		complain("alignment that is no power of two", ptr);
}

static void do_posix_memalign(void)
{
	size_t alignment = alignment_now();
	size_t size = size_now();
	void *const before = &now;
	void *ptr = before;
	int error, wanted = 0;

	begin("posix_memalign(%zu, %zu)", alignment, size);
	error = family->posix_memalign(&ptr, alignment, size);
	errno_must_be(error == ENOMEM && (size | alignment) < ADDRESSES ? ENOMEM : UNTOUCHED,
		      "wrong errno");
	if (!is_power_of_two(alignment) || alignment % sizeof(void *))
		wanted = EINVAL;
	else if (error)
		wanted = ENOMEM;
	if (error != wanted || (error && ptr != before))
		complain("wrong error, or pointer changed on error", ptr);
	if (error == ENOMEM) {
		errno = ENOMEM;
		ptr = NULL;
	}
	if (error != EINVAL)
		answer(ptr, size, alignment, false);
}

static void do_paged(void *(*alloc)(size_t size), bool rounded)
{
	size_t size = size_now();
	size_t least = size + !size;	/* pvalloc(0) is a page */
	size_t whole = size > SIZE_MAX - PAGE ? SIZE_MAX : (least + PAGE - 1) & ~(PAGE - 1);

	begin("%svalloc(%zu)", rounded ? "p" : "", size);
	answer(alloc(size), rounded ? whole : size, PAGE, false);
}

static void do_many(void)
{
	size_t size = size_of(now.amount) % (8 * KIB);

	begin("%u times malloc(%zu) or a little more", now.extra % MANY_MOST, size);
	for (size_t left = now.extra % MANY_MOST; left && has_room(); left--) {
		size_t more = left % (now.which % 3 + 1);

		refusals_before = refusals;
		errno = UNTOUCHED;
		answer(family->malloc(size + more), size + more, family->grain, false);
	}
}

/* Giving */

/*
 * A block was freed, or the contract allocator could not unmap it and it is still
 * live.
 */
static void given(struct block *block)
{
	if (any_refused() && !family->usable && errno != UNTOUCHED) {
		errno_must_be(ENOMEM, "block not unmapped without ENOMEM");
		shadow_verify(block, SIZE_MAX);
		return;
	}
	errno_must_be(UNTOUCHED, "errno changed");
	shadow_remove(block);
}

static void free_block(struct block *block)
{
	refusals_before = refusals;
	errno = UNTOUCHED;
	shadow_verify(block, SIZE_MAX);
	misuse_remember(block->ptr);
	family->free(block->ptr);
	given(block);
}

static void free_sized_block(struct block *block)
{
	begin("free_sized(block of %zu)", block->size);
	shadow_verify(block, SIZE_MAX);
	if (now.extra % 2)
		family->free_sized(block->ptr, block->size);
	else
		family->free_aligned_sized(block->ptr, family->grain, block->size);
	given(block);
}

static void do_free_many(void)
{
	size_t step = now.which % 5 ? now.which % 5 : 7;

	begin("%u times free()", now.extra % 2048U);
	for (size_t i = 0; i < now.extra % 2048U && live_count(); i++)
		free_block(live_block(now.which + i * step));
}

/* Changing */

/*
 * Bytes below which a block may move although it grows, as it is far too large: half of it, or of a
 * large block, which is whole pages, three quarters.
 */
static size_t least_staying(const struct block *block)
{
	size_t has = block->usable + family->canary;

	return ((uintptr_t)block->ptr | has) % PAGE ? has / 2 : has - has / 4;
}

static void resize(struct block *block, size_t size, void *resized)
{
	/* The contract has its own rule. */
	bool stays = family->usable && size >= block->size &&
		     size <= block->usable && size >= least_staying(block);

	if (!resized && size == 0) {
		given(block);
	} else if (!resized) {
		must_be_refused(size);
		shadow_verify(block, SIZE_MAX);
	} else {
		errno_must_be(UNTOUCHED, "errno changed");
		if (size > PTRDIFF_MAX)
			complain("impossible size granted", resized);
		if (stays && resized != block->ptr)
			complain("moved although it fits", resized);
		shadow_move(block, resized, size);
	}
}

static void do_realloc(struct block *block)
{
	size_t size = size_now();

	begin("realloc(block of %zu, %zu)", block->size, size);
	shadow_verify(block, SIZE_MAX);
	resize(block, size, family->realloc(block->ptr, size));
}

static void do_reallocarray(struct block *block)
{
	size_t nmemb = factor_now();
	size_t size = size_now();

	begin("reallocarray(block of %zu, %zu, %zu)", block->size, nmemb, size);
	shadow_verify(block, SIZE_MAX);
	resize(block, product_of(nmemb, size), family->reallocarray(block->ptr, nmemb, size));
}

static void do_realloc_null(void)
{
	size_t size = size_now();

	begin("realloc(NULL, %zu)", size);
	answer(family->realloc(NULL, size), size, family->grain, false);
}

static void do_usable(struct block *block)
{
	begin("malloc_usable_size(block of %zu)", block->size);
	if (family->usable(block->ptr) != block->usable || family->usable(NULL) != 0)
		complain("usable size changed", block->ptr);
}

static void do_trim(void)
{
	begin("malloc_trim(%u)", now.extra);
	family->trim(now.extra);
	shadow_verify_all();
}

/* Operations that need a block, or that the contract allocator lacks, may do nothing */

static void on_block(struct block *block)
{
	switch (now.code % CODES) {
	case REALLOC:
		do_realloc(block);
		break;
	case FREE:
		begin("free(block of %zu)", block->size);
		free_block(block);
		break;
	case FREE_MANY:
		do_free_many();
		break;
	case REALLOCARRAY:
		if (family->reallocarray)
			do_reallocarray(block);
		break;
	case USABLE:
		if (family->usable)
			do_usable(block);
		break;
	case FREE_SIZED:
		if (family->free_sized)
			free_sized_block(block);
		break;
	}
}

static void on_alignment(void)
{
	switch (now.code % CODES) {
	case ALIGNED_ALLOC:
		do_aligned(family->aligned_alloc, "aligned_alloc");
		break;
	case MEMALIGN:
		do_aligned(family->memalign, "memalign");
		break;
	case POSIX_MEMALIGN:
		do_posix_memalign();
		break;
	case VALLOC:
		do_paged(family->valloc, false);
		break;
	case PVALLOC:
		do_paged(family->pvalloc, true);
		break;
	case TRIM:
		do_trim();
		break;
	}
}

static void on_nothing(void)
{
	switch (now.code % CODES) {
	case MALLOC:
		do_malloc();
		break;
	case CALLOC:
		do_calloc();
		break;
	case MANY:
		do_many();
		break;
	case REALLOC:
		do_realloc_null();
		break;
	}
}

static void audit(void)
{
	const char *fault = family->check();

	if (fault)
		complain(fault, NULL);
}

static void act(void *unused)
{
	bool pick = live_count() && (now.code % CODES != REALLOC || now.which % 8);

	(void)unused;
	if (pick)
		on_block(live_block(now.which));
	if (family->aligned_alloc && has_room())
		on_alignment();
	if (has_room() && !(pick && now.code % CODES == REALLOC))
		on_nothing();
	process_act(&now);
	/* The contract's audit is slow, and debug builds make it themselves. */
	if (family->usable || operations % 8 == 0)
		audit();
}

void operation_run(const struct operation *operation)
{
	now = *operation;
	if (now.code % CODES == REFUSE && !fixed_refusals)
		refuse(now.which % 6, 1 + now.extra % 3);
	else if (now.code % CODES == END_THREAD)
		helper_end(now.thread % HELPERS);
	else if (now.thread > MAIN_MOST)
		helper_do(now.thread % HELPERS, act, NULL);
	else
		act(NULL);
}

/* Once memory is back, every size can be allocated, whatever was refused before. */
static void all_is_well(void)
{
	static const size_t sizes[] = { 1, 100, 5000, 100 * KIB, 300 * KIB, 3 * MIB };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]) && has_room(); i++) {
		begin("malloc(%zu) at the end", sizes[i]);
		answer(family->malloc(sizes[i]), sizes[i], family->grain, false);
	}
}

void operations_end(void)
{
	refuse(0, 0);
	now = (struct operation){ .code = FREE };
	all_is_well();
	begin("free() of all that is left");
	shadow_verify_all();
	while (live_count())
		free_block(live_block(live_count() - 1));
	for (unsigned int i = 0; i < HELPERS; i++)
		helper_end(i);
	audit();
	process_reset();
}
