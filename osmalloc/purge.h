/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The purge policy: how many free units may keep their pages ("dirty" units). It gets numbers and
 * returns a number, and knows nothing of chunks. Numbers are units.
 *
 * After a span was freed, dirty units are purged if
 *
 *	low > limit, where
 *	limit = DIRTY_LEAST + used / DIRTY_SHARE + reuse
 *	and reuse = min(premature, min(peak - used, PEAK_MOST) + used / REUSE_SHARE)
 *
 * and then dirty - low + reuse of them stay. Here
 *
 *	used		units in spans now;
 *	peak		the most of them in this window and the one before;
 *	low		the fewest dirty units since the last look, or in this epoch: nobody needed
 *			so many. A look is due when dirty exceeds a quarter more than after the last
 *			one, at the end of an epoch in any case;
 *	premature	units that were purged and then taken again. reuse keeps as many, as far as
 *			they bring the program back to its peak, and a share more, because some are
 *			in pieces that are too small for the next request.
 *
 * An epoch ends when one and a half times as many units as are in use have been freed in it. Every
 * WINDOW_EPOCHS epochs are a window: at its end half of what was purged is forgotten, and
 * premature decreases by a share of the units that nobody needed in that whole time.
 *
 * The lock of lock.h must be held.
 */

#ifndef PURGE_H
#define PURGE_H

#include <stddef.h>

/* Some units were taken, clean ones among them; used and dirty are the numbers after that. */
void purge_taken(size_t used, size_t dirty, size_t clean);

/*
 * Some dirty units were freed; used and dirty are the numbers after that. Returns how many
 * dirty units shall stay: all of them, or fewer, and then the rest must be purged now. In any case
 * purge_done() must follow.
 */
size_t purge_given(size_t used, size_t dirty, size_t given);

/* So many units were purged, and dirty ones have stayed: the kernel may have refused some. */
void purge_done(size_t used, size_t dirty, size_t purged);

/* Forgets everything. */
void purge_reset(void);

#endif
