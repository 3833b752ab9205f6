// SPDX-License-Identifier: BSD-3-Clause

/*
 * The end of a process in the hardened build: finds bad writes that free() or malloc() would have
 * found later. A block without a canary is being allocated or freed: exit() may be called in a
 * signal handler, and a fork may have left threads behind.
 */

#include "harden.h"
#include "remote.h"

static void check_slab(const struct slab *slab, void *arg)
{
	(void)arg;
	/* A cached mapping is inaccessible, too. */
	if (slab_is_hidden(slab) || (!slab->owner && slab->retained))
		return;
	for (uint32_t slot = 0; slot < slab->extent; slot++) {
		void *ptr = (void *)(slab->start + slot * slab->size);

		if (slab_slot_is_free(slab, ptr))
			harden_verify("exit", ptr, slab->size);
		else if (!harden_is_bare(ptr, slab->size))
			harden_check("exit", ptr, slab->size, slot == 0);
	}
}

/* Other threads, if there ever was one, may be in the middle of something, and so may this one. */
__attribute__((destructor)) static void check_all(void)
{
	if (os_single_threaded() && !lock_busy)
		slab_walk(check_slab, NULL);
}
