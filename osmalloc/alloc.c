// SPDX-License-Identifier: BSD-3-Clause

#include "alloc.h"

#include <errno.h>

#include "audit.h"
#include "check.h"
#include "thread.h"
#include "trim.h"

void alloc_misuse(const char *api, const struct slab *slab, const void *ptr)
{
	const struct slab *around = pagemap_get_before(ptr, &slab_closed);
	const char *what = slab == &slab_closed ? "double free" : "invalid pointer";

	if (around && (uintptr_t)ptr - around->start <
		      __atomic_load_n(&around->extent, __ATOMIC_RELAXED) * around->size)
		what = slab_has_slot(around, ptr) && slab_slot_is_free(around, ptr) ?
		       "double free" : "interior pointer";
	check_report(api, what, ptr);
}

void *alloc_large(size_t size, size_t alignment)
{
	int error = errno;
	void *block = large_alloc(size, alignment);

	if (unlikely(!block) && alloc_may_fit(size | alignment)) {
		trim_all();
		errno = error;
		block = large_alloc(size, alignment);
	}
	trim_if_grown();
	return audit_after(block);
}

void *alloc_class(unsigned int class)
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

void *alloc_slow(size_t size)
{
	return size > SLOT_MOST ? alloc_large(size, GRAIN) : alloc_class(class_of(size));
}

void free_slow(struct slab *slab, void *ptr)
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
