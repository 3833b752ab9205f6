// SPDX-License-Identifier: BSD-3-Clause

/*
 * C++'s operator delete with a size, in the hardened build: a block that is smaller than the size
 * is no object of that type. All else is left to the operator delete without a size, as the C++
 * library does it: the program may have replaced that one, and the operator new that belongs to it.
 * A block that is larger passes, since such an operator new may ask for more than it was asked for,
 * and so does an address that begins no live block.
 *
 * The names are those of the C++ ABI, where size_t is unsigned long.
 */

#include "osmalloc.h"

#include "check.h"
#include "harden.h"
#include "remote.h"

/* Weak, for programs that define these themselves and are linked with libosmalloc.a. */
#define WEAK_API	__attribute__((weak, visibility("default")))

void delete_sized(void *ptr, size_t size) __asm__("_ZdlPvm") WEAK_API;
void delete_array_sized(void *ptr, size_t size) __asm__("_ZdaPvm") WEAK_API;
void delete_aligned_sized(void *ptr, size_t size, size_t alignment)
	__asm__("_ZdlPvmSt11align_val_t") WEAK_API;
void delete_array_aligned_sized(void *ptr, size_t size, size_t alignment)
	__asm__("_ZdaPvmSt11align_val_t") WEAK_API;

/* Of the program or the C++ library; NULL where the program has none and nobody replaced it. */
extern void delete_plain(void *ptr) __asm__("_ZdlPv") __attribute__((weak));
extern void delete_array(void *ptr) __asm__("_ZdaPv") __attribute__((weak));
extern void delete_aligned(void *ptr, size_t alignment)
	__asm__("_ZdlPvSt11align_val_t") __attribute__((weak));
extern void delete_array_aligned(void *ptr, size_t alignment)
	__asm__("_ZdaPvSt11align_val_t") __attribute__((weak));

static void verify(void *ptr, size_t size)
{
	const char *api = "operator delete";
	const struct slab *slab = ptr ? pagemap_get(ptr) : NULL;
	size_t asked = 0;

	if (!slab || !slab_has_slot(slab, ptr) || slab_slot_is_free(slab, ptr))
		return;
	if (!slab_is_hidden(slab)) {
		harden_check(api, ptr, slab->size, (uintptr_t)ptr == slab->start);
		asked = harden_asked(ptr, slab->size);
	}
	if (asked < size)
		check_report(api, "wrong size", ptr);
}

void delete_sized(void *ptr, size_t size)
{
	verify(ptr, size);
	if (delete_plain)
		delete_plain(ptr);
	else
		free(ptr);
}

void delete_array_sized(void *ptr, size_t size)
{
	verify(ptr, size);
	if (delete_array)
		delete_array(ptr);
	else
		delete_sized(ptr, size);
}

void delete_aligned_sized(void *ptr, size_t size, size_t alignment)
{
	verify(ptr, size);
	if (delete_aligned)
		delete_aligned(ptr, alignment);
	else
		free(ptr);
}

void delete_array_aligned_sized(void *ptr, size_t size, size_t alignment)
{
	verify(ptr, size);
	if (delete_array_aligned)
		delete_array_aligned(ptr, alignment);
	else
		delete_aligned_sized(ptr, size, alignment);
}
