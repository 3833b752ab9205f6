// SPDX-License-Identifier: BSD-3-Clause

/*
 * The C malloc family: names and corner cases. No state, no policy.
 *
 * Every function follows the Linux man pages malloc(3), posix_memalign(3) and
 * malloc_usable_size(3), and glibc where those leave something open. On failure
 * NULL with errno = ENOMEM; errno is left alone otherwise.
 */

#include "osmalloc.h"

#include <errno.h>
#include <string.h>

#include "audit.h"
#include "check.h"
#include "fork.h"
#include "large.h"
#include "secret.h"
#include "thread.h"
#include "trim.h"

static bool is_power_of_two(size_t n)
{
	return n && !(n & (n - 1));
}

/* From a pointer to its slab, or no further */

/* B4 for the production allocator: one line, and the end. */
static __attribute__((cold, noreturn)) void misuse(const char *api, const struct slab *slab,
						    const void *ptr)
{
	const struct slab *around = pagemap_get_before(ptr, &slab_closed);
	const char *what = slab == &slab_closed ? "double free" : "invalid pointer";

	if (around && (uintptr_t)ptr - around->start <
		      __atomic_load_n(&around->extent, __ATOMIC_RELAXED) * around->size)
		what = slab_has_slot(around, ptr) && slab_slot_is_free(around, ptr) ?
		       "double free" : "interior pointer";
	check_report(api, what, ptr);
}

/* The slab of a live block; does not return if ptr is none. */
static inline struct slab *slab_of(const char *api, void *ptr)
{
	struct slab *slab = pagemap_get(ptr);

	if (unlikely(!slab || !slab_has_slot(slab, ptr) || slab_slot_is_free(slab, ptr)))
		misuse(api, slab, ptr);
	if (HARDENED && !slab_is_hidden(slab))
		harden_check(api, ptr, slab->size, (uintptr_t)ptr == slab->start);
	return slab;
}

/* Bytes that a block could have where it is. */
static inline size_t room(const struct slab *slab)
{
	return slab_is_hidden(slab) ? 0 : slab->size - CANARY;
}

/* Bytes of a block that the program may use. */
static inline size_t usable(const struct slab *slab, const void *ptr)
{
	return HARDENED && !slab_is_hidden(slab) ? harden_asked(ptr, slab->size) : room(slab);
}

/* Taking and giving */

/* A slot of size bytes if one is at hand, else NULL. */
static inline __attribute__((always_inline)) void *take_ready(size_t size)
{
	struct heap *heap = heap_mine;
	struct slab *slab;

	if (likely(size <= DIRECT_MOST)) {
		slab = heap->direct[(size + GRAIN - 1) / GRAIN];
		return likely(slab->free) ? slab_pop(slab) : NULL;
	}
	slab = likely(size <= SLOT_MOST) ? heap->lists[class_of(size)] : NULL;
	return likely(slab && slab->free_bitmap) ? slab_take(slab) : NULL;
}

/* Whether so much could be had at all, if all that is free were given back. */
static bool may_fit(size_t size)
{
	return size < ADDRESSES;
}

static __attribute__((noinline)) void *take_large(size_t size, size_t alignment)
{
	int error = errno;
	void *block = large_alloc(size, alignment);

	if (unlikely(!block) && may_fit(size | alignment)) {
		trim_all();
		errno = error;
		block = large_alloc(size, alignment);
	}
	trim_if_grown();
	return audit_after(block);
}

static __attribute__((noinline)) void *take_class(unsigned int class)
{
	int error = errno;
	void *slot = thread_alloc(heap_mine, class);

	if (unlikely(!slot)) {
		trim_all();
		errno = error;
		slot = thread_alloc(heap_mine, class);
	}
	trim_if_grown();
	return audit_after(slot);
}

static __attribute__((noinline)) void *take_slow(size_t size)
{
	return size > SLOT_MOST ? take_large(size, GRAIN) : take_class(class_of(size));
}

static inline __attribute__((always_inline)) void *take_slot(size_t size)
{
	void *slot = take_ready(size);

	return likely(slot) ? slot : take_slow(size);
}

/* Bytes that a block of size has to have. */
static inline size_t whole(size_t size)
{
	return size < LARGE_MOST ? size + CANARY : size;
}

/* The block, if there is one, goes to the program, which asked for so many bytes. */
static inline void *hand_out(void *ptr, size_t asked)
{
	const struct slab *slab = HARDENED && ptr ? pagemap_get(ptr) : NULL;

	if (HARDENED && slab && slab->owner)
		harden_verify("malloc", ptr, slab->size);
	/* Some byte is there, of memalign(64, 0) as well. */
	return HARDENED && slab ? harden_take(ptr, slab->size, asked + !asked) : ptr;
}

static inline __attribute__((always_inline)) void *take(size_t size)
{
	/* Canaries are made of the secret. */
	if (HARDENED)
		secret_prepare();
	if (HARDENED && unlikely(!size))
		return take_class(CLASS_EMPTY);
	return hand_out(take_slot(whole(size)), size);
}

static __attribute__((noinline)) void give_slow(struct slab *slab, void *ptr)
{
	int error = errno;

	if (slab->owner == heap_mine)
		heap_free_slow(slab->owner, slab);
	else if (slab->owner)
		thread_free_remote(slab, ptr);
	else
		large_free(slab);
	audit_after(NULL);
	errno = error;
}

static inline void give(struct slab *slab, void *ptr)
{
	if (HARDENED && slab->owner && !slab_is_hidden(slab))
		harden_give(ptr, slab->size);
	if (likely(slab->owner == heap_mine) && likely(!slab_push(slab, ptr)))
		return;
	give_slow(slab, ptr);
}

/* The family */

OSMALLOC_API void *malloc(size_t size)
{
	return take(size);
}

OSMALLOC_API void free(void *ptr)
{
	if (likely(ptr))
		give(slab_of("free", ptr), ptr);
}

OSMALLOC_API void *calloc(size_t nmemb, size_t size)
{
	size_t total;
	void *ptr;

	if (__builtin_mul_overflow(nmemb, size, &total))
		total = SIZE_MAX;
	ptr = take(total);
	if (ptr && !(total > SLOT_MOST && large_clear(pagemap_get(ptr))))
		memset(ptr, 0, total);
	return ptr;
}

/*
 * Bytes that a block may have too many: half of a slot; a quarter of a large block, whose pages
 * are worth a system call; not quite half of one that has grown, and may have been given room.
 */
static size_t surplus_most(const struct slab *slab)
{
	if (slab->owner)
		return slab->size / 2;
	return slab->asked ? slab->size / 2 - UNIT : slab->size / 4;
}

/* Whether a block may as well stay where it is for a request of size. */
static bool fits_well(struct slab *slab, size_t before, size_t size)
{
	bool growing = false;

	if (size > room(slab))
		return false;
	if (!slab->owner && slab->asked) {
		growing = size >= slab->asked;
		slab->asked = size;
	}
	return growing || size >= before || slab->size - size <= surplus_most(slab) ||
	       slab->size <= 2 * GRAIN;
}

/* A block stays where it is. In the hardened build its end is elsewhere then. */
static void *stay(const struct slab *slab, void *ptr, size_t before, size_t size)
{
	if (HARDENED) {
		harden_open(ptr, room(slab), before);
		ptr = harden_take(ptr, slab->size, size);
	}
	return ptr;
}

/* The block with another size, moved if need be; NULL and ENOMEM. */
static void *change(struct slab *slab, void *ptr, size_t before, size_t size)
{
	size_t had = room(slab);
	void *moved = audit_after(large_resize(slab, whole(size)));

	/* What nobody might write came along. */
	if (HARDENED && moved && size > before)
		harden_open(moved, had, before);
	if (moved)
		return hand_out(moved, size);
	moved = size > before && size > SLOT_MOST && !HARDENED ? large_alloc_roomy(size) :
								 take(size);
	if (moved) {
		memcpy(moved, ptr, size < before ? size : before);
		give(slab, ptr);
	}
	return moved;
}

OSMALLOC_API void *realloc(void *ptr, size_t size)
{
	int error = errno;
	struct slab *slab;
	void *changed;
	size_t before;

	if (!ptr)
		return take(size);
	slab = slab_of("realloc", ptr);
	if (size == 0) {
		give(slab, ptr);
		return NULL;
	}
	before = usable(slab, ptr);
	if (fits_well(slab, before, size))
		return stay(slab, ptr, before, size);
	changed = change(slab, ptr, before, size);
	if (unlikely(!changed) && size > before && may_fit(size)) {
		trim_all();
		errno = error;
		changed = change(slab, ptr, before, size);
	}
	if (changed || size > before)
		return changed;
	/* A block that cannot be made smaller is large enough. */
	errno = error;
	return stay(slab, ptr, before, size);
}

OSMALLOC_API void *reallocarray(void *ptr, size_t nmemb, size_t size)
{
	size_t total;

	if (__builtin_mul_overflow(nmemb, size, &total)) {
		errno = ENOMEM;
		return NULL;
	}
	return realloc(ptr, total);
}

/* Alignment */

/* Wants a power of two. Slots whose size is a multiple of it are aligned, see sizeclass.h. */
static __attribute__((noinline)) void *take_aligned(size_t alignment, size_t size)
{
	size_t bytes = whole(size);
	size_t rounded = (bytes + alignment - 1) & ~(alignment - 1);

	if (alignment <= GRAIN)
		return take(size);
	if (alignment <= UNIT && bytes <= SLOT_MOST && rounded <= SLOT_MOST)
		return hand_out(take_slot(rounded ? rounded : alignment), size);
	/* Canaries are made of the secret. */
	if (HARDENED)
		secret_prepare();
	return hand_out(take_large(bytes, alignment), size);
}

OSMALLOC_API void *aligned_alloc(size_t alignment, size_t size)
{
	if (is_power_of_two(alignment))
		return take_aligned(alignment, size);
	errno = EINVAL;
	return NULL;
}

OSMALLOC_API void *memalign(size_t alignment, size_t size)
{
	return aligned_alloc(alignment, size);
}

/*
 * POSIX has errors returned, and errno left alone. But when memory runs out, glibc's sets
 * errno, and programs that know no other read it: it is set then.
 */
OSMALLOC_API int posix_memalign(void **memptr, size_t alignment, size_t size)
{
	size_t rounded = (size + alignment - 1) & ~(alignment - 1);
	void *ptr = NULL;

	if (!is_power_of_two(alignment) || alignment % sizeof(void *))
		return EINVAL;
	if (!HARDENED && size && size <= SLOT_MOST && alignment <= UNIT)
		ptr = take_ready(rounded);
	if (unlikely(!ptr) && likely(may_fit(size | alignment)))
		ptr = take_aligned(alignment, size);
	if (!ptr)
		return ENOMEM;
	*memptr = ptr;
	return 0;
}

OSMALLOC_API void *valloc(size_t size)
{
	return take_aligned(os_page_size(), size);
}

OSMALLOC_API void *pvalloc(size_t size)
{
	size_t page = os_page_size();

	if (size > LARGE_MOST) {
		errno = ENOMEM;
		return NULL;
	}
	return take_aligned(page, size ? (size + page - 1) & ~(page - 1) : page);
}

/* The rest */

OSMALLOC_API void cfree(void *ptr)
{
	free(ptr);
}

/* The hardened build ends the program if size is not what was asked for; malloc(0) may count 1. */
static inline void verify_size(const char *api, void *ptr, size_t size)
{
	size_t asked;

	if (!HARDENED || !ptr)
		return;
	asked = usable(slab_of(api, ptr), ptr);
	if (size ? asked != size : asked > 1)
		check_report(api, "wrong size", ptr);
}

OSMALLOC_API void free_sized(void *ptr, size_t size)
{
	verify_size("free_sized", ptr, size);
	free(ptr);
}

OSMALLOC_API void free_aligned_sized(void *ptr, size_t alignment, size_t size)
{
	verify_size("free_aligned_sized", ptr, size);
	if (HARDENED && ptr && (!is_power_of_two(alignment) || (uintptr_t)ptr % alignment))
		check_report("free_aligned_sized", "wrong alignment", ptr);
	free(ptr);
}

OSMALLOC_API size_t malloc_usable_size(void *ptr)
{
	return ptr ? usable(slab_of("malloc_usable_size", ptr), ptr) : 0;
}

/* The names of the C library's own entries, for binaries that call those. */

OSMALLOC_API void *__libc_malloc(size_t size)
{
	return malloc(size);
}

OSMALLOC_API void __libc_free(void *ptr)
{
	free(ptr);
}

OSMALLOC_API void *__libc_calloc(size_t nmemb, size_t size)
{
	return calloc(nmemb, size);
}

OSMALLOC_API void *__libc_realloc(void *ptr, size_t size)
{
	return realloc(ptr, size);
}

OSMALLOC_API void *__libc_memalign(size_t alignment, size_t size)
{
	return memalign(alignment, size);
}

OSMALLOC_API void *__libc_valloc(size_t size)
{
	return valloc(size);
}

OSMALLOC_API void *__libc_pvalloc(size_t size)
{
	return pvalloc(size);
}
