// SPDX-License-Identifier: BSD-3-Clause

#include "purge.h"

#include "pagemap.h"

/* 1 MiB costs little, and most programs that need less never purge. */
#define DIRTY_LEAST	(1UL * 1024 * 1024 / UNIT)
#define DIRTY_SHARE	32

#define WINDOW_EPOCHS	32
#define UNNEEDED_SHARE	4
#define REUSE_SHARE	8
#define PEAK_MOST	(64UL * 1024 * 1024 / UNIT)

/* The fewest dirty units since the last look, and how many dirty ones make the next one due. */
static size_t low_since_look;
static size_t look_due = DIRTY_LEAST;

static struct {
	size_t given;		/* units freed in this epoch */
	size_t low;		/* the fewest dirty units in this epoch */
	size_t unneeded;	/* the fewest in this window, as far as its epochs have ended */
	size_t peak;		/* the most units in use in this window */
	size_t peak_before;	/* and in the one before */
	unsigned int epochs;
	size_t purged;		/* purged and not taken again */
	size_t premature;	/* purged and taken again */
} history;

static size_t reuse_of(size_t used)
{
	size_t peak = history.peak > history.peak_before ? history.peak : history.peak_before;
	size_t below = peak > used ? peak - used : 0;

	return least(history.premature, least(below, PEAK_MOST) + used / REUSE_SHARE);
}

static size_t limit_for(size_t used)
{
	return DIRTY_LEAST + used / DIRTY_SHARE + reuse_of(used);
}

void purge_taken(size_t used, size_t dirty, size_t clean)
{
	size_t again = least(clean, history.purged);

	history.purged -= again;
	history.premature += again;
	if (used > history.peak)
		history.peak = used;
	history.low = least(history.low, dirty);
	low_since_look = least(low_since_look, dirty);
}

/* How many dirty units stay if low of them were not needed. */
static size_t units_kept(size_t used, size_t dirty, size_t low)
{
	return low > limit_for(used) ? dirty - low + reuse_of(used) : dirty;
}

static void begin_look(size_t used, size_t dirty)
{
	size_t most = limit_for(used);

	low_since_look = dirty;
	look_due = most > dirty + most / 4 ? most : dirty + most / 4;
}

static void end_window(size_t used, size_t dirty)
{
	history.purged /= 2;
	history.premature -= least(history.premature, history.unneeded / UNNEEDED_SHARE);
	history.unneeded = dirty;
	history.peak_before = history.peak;
	history.peak = used;
}

static void begin_epoch(size_t used, size_t dirty)
{
	history.unneeded = least(history.unneeded, history.low);
	if (++history.epochs % WINDOW_EPOCHS == 0)
		end_window(used, dirty);
	history.given = 0;
	history.low = dirty;
}

static bool epoch_ends(size_t used)
{
	return history.given > used + used / 2 + DIRTY_LEAST;
}

size_t purge_given(size_t used, size_t dirty, size_t given)
{
	history.given += given;
	if (epoch_ends(used))
		return units_kept(used, dirty, history.low);
	return dirty > look_due ? units_kept(used, dirty, low_since_look) : dirty;
}

void purge_done(size_t used, size_t dirty, size_t purged)
{
	history.purged += purged;
	history.low = least(history.low, dirty);
	if (epoch_ends(used))
		begin_epoch(used, dirty);
	else if (dirty + purged > look_due)
		begin_look(used, dirty);
}

void purge_reset(void)
{
	__builtin_memset(&history, 0, sizeof(history));
	low_since_look = 0;
	look_due = DIRTY_LEAST;
}
