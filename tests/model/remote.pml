/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * How threads interact in osmalloc: frees of another thread's slots, the pending-free queue, the
 * end of a thread, adoption of its heap, slabs that a sleeping owner detached or has in its lists,
 * fork. See docs/internals/osmalloc.md, "Model".
 *
 * One heap with SLABS slabs of SLOTS slots. Each of THREADS threads takes some steps, the first
 * STEPS, the others OTHERS. The heap's thread allocates, frees, collects, or ends. Every thread
 * frees what any thread allocated, closes detached slabs, collects the parked heap, adopts it,
 * trims it while its thread is not busy, and may fork, once: the child has this thread only, which
 * adopts the heap if the heap's thread was not busy. When all threads have ended without a fork,
 * init frees what is live, collects, and looks for lost memory.
 *
 * Inlines are named after the functions in osmalloc/remote.c, slab.c, heap.c, idle.c and thread.c,
 * variables after the fields in slab.h and heap.h. One step is one access to memory that several
 * threads use, or what a thread does with its own memory or under the lock. Memory is sequentially
 * consistent. The comment beside an assertion is the number of an invariant in slab.h or heap.h;
 * ghosts are variables that only assertions read.
 */

#ifndef SLABS
#define SLABS	1
#endif
#ifndef SLOTS
#define SLOTS	2	/* 3 at most */
#endif
#ifndef THREADS
#define THREADS	2
#endif
#ifndef STEPS
#define STEPS	4
#endif
#ifndef OTHERS
#define OTHERS	3
#endif
#ifndef LINKED
#define LINKED	0	/* 1: free slots are linked; 0: they are bits */
#endif

/*
 * Mistakes: one of them is made if the environment says WRONG=number when pan runs, and
 * tests/test_remote_model.py has each refuted. A line that only a mistake reaches says so.
 */
#define PUSHED_BY_STORE		1	/* remote_push: no compare-and-swap */
#define QUEUED_AFTER		2	/* remote_push: sets queued after adding the slot */
#define NEXT_STAYS		3	/* remote_push: REMOTE_NOTIFY_NEXT stays set */
#define COLLECTED_BY_STORE	4	/* remote_collect: no exchange */
#define DETACHED_BY_STORE	5	/* remote_detach: no compare-and-swap */
#define DETACHED_UNCOUNTED	6	/* remote_detach: remote has no number in it */
#define NEXT_FORGOTTEN		7	/* remote_detach: remote stays 0 */
#define REATTACHED_BY_STORE	8	/* remote_reattach: no compare-and-swap */
#define LAST_FORGOTTEN		9	/* remote_notify_last: remote stays 0 */
#define CLOSABLE_UNCOUNTED	10	/* remote_is_closable: reads detachments once */
#define CLOSABLE_LISTED		11	/* remote_is_closable: does not read detachments */
#define QUEUED_IGNORED		12	/* retire, close_empty: do not read queued */
#define CLEARED_EARLY		13	/* heap_collect_pending: clears queued while detached */
#define NEXT_READ_LATE		14	/* heap_collect_pending: reads the next one too late */
#define TAKEN_BY_STORE		15	/* pending_take: no exchange */
#define LOCK_FORGOTTEN		16	/* lock_take: does not wait */
#define FORK_UNLOCKED		17	/* fork: does not wait for the lock */
#define FORK_ADOPTS		18	/* abandoned_look: a heap is taken although it was busy */
#define NOTIFIED_ALWAYS		19	/* heap 6: without its exception; not a mistake, but not so */
#define TRIM_FIRST		20	/* trim: the first slab of a list is trimmed, too */
#define TRIM_COMING		21	/* remote_is_unused: does not look whether countdown is 0 */
#define TRIM_BUSY		22	/* trim: does not look whether the heap is busy */
#define TRIM_QUEUED		23	/* remote_is_unused: does not read queued */
#define FREE_UNFINISHED		24	/* abandoned_look: a slot of a full slab was freed */

#define WRONG(mistake)	(wrong == mistake)

/* heap->busy */
#define BUSY_NOBODY	0
#define BUSY_USER	1
#define BUSY_TRIMMED	2

/* remote: two flags; below, slots, or slab->detachments */
#define REMOTE_NOTIFY_NEXT	128
#define REMOTE_NOTIFY_LAST	64
#define BELOW		63

#define ALL		((1 << SLOTS) - 1)
#define BITS(set)	(((set) & 1) + ((set) >> 1 & 1) + ((set) >> 2 & 1))
#define NOBODY		255
#define NO_SLAB		SLABS

#if LINKED
/* The first slot's number and one in bits 0 and 1, how many there are above. */
#define WAITING(word)	((word) & REMOTE_NOTIFY_NEXT -> 0 : ((word) & BELOW) >> 2)
#else
#define WAITING(word)	((word) & REMOTE_NOTIFY_NEXT -> 0 : BITS(word))
#endif

/* What countdown says */
#define COUNT(s)	(SLOTS - BITS(slab[s].free_bitmap) + slab[s].extra)
#define IS_EMPTY(s)	(!COUNT(s))

#define IS_DETACHED(s)	(slab[s].detachments & 1)
#define DETACHED(s)	(REMOTE_NOTIFY_NEXT | REMOTE_NOTIFY_LAST | \
			 (WRONG(DETACHED_UNCOUNTED) -> 0 : slab[s].detachments))
#define IS_LAST(s, word) (((word) & REMOTE_NOTIFY_LAST) && WAITING(word) == slab[s].awaited)

typedef slab_t {
	byte remote;
	byte awaited;
	byte detachments;
	bool queued;
	byte next_pending;
	byte free_bitmap;	/* the owner's free slots, as a set, linked or not */
	bool is_full;		/* full, which is a word of Promela */
	bool extra;		/* countdown is one too high: its thread is gone, with a slot */
	byte next[SLOTS];	/* slot->next while a slot is in remote, its number and one */

	/* Ghosts. Sets of slots: */
	byte live;		/* the program has them */
	byte freeing;		/* of these: free() has been called */
	byte there;		/* are in remote */
	bool open;		/* has a span */
	bool listed;		/* is in its class's list */
	bool first;		/* and the first there: its owner may take slots at any time */
	bool coming;		/* countdown is 0: its owner is going to heap_free_slow() */
	byte hand;		/* the thread that is about to queue it, or took it out */
	bool notifies;		/* REMOTE_NOTIFY_LAST was set, and nothing was collected since */
	byte stale;		/* freed by threads whose view of remote is of before a collect */
	bool missed;		/* one of these was the last, and found remote as it had been */
};

slab_t slab[SLABS];
byte wrong;			/* which mistake */
byte pending = NO_SLAB;
bool parked;			/* heap->parked */
bool in_list;			/* the heap is in the list of those without a thread */
bool lock;
bool lock_busy;
byte busy;			/* heap->busy */
byte user = NOBODY;		/* ghost: the heap's thread, or who collects it */
bool forked;
byte survivor;			/* of a fork: the thread that is in the child */
byte running = THREADS;

inline lock_take()
{
	atomic {
		!lock || WRONG(LOCK_FORGOTTEN) -> lock = true;
		assert(!lock_busy || WRONG(LOCK_FORGOTTEN));	/* heap 5 */
		lock_busy = true
	}
}

inline lock_give()
{
	atomic { lock_busy = false; lock = false }
}

/* ---- slab.c, remote.c ---- */

/* At the end of the list; there may be others of this class that the model does not have. */
inline class_list_add(s)
{
	slab[s].listed = true;
	if
	:: slab[s].first = true
	:: true
	fi
}

inline slab_open(s)
{
	atomic {
		!lock ->
		slab[s].open = true;
		slab[s].free_bitmap = ALL;
		class_list_add(s)
	}
}

/* Everything that somebody could still be about to do with the slab is asked for here. */
inline slab_close_locked(s)
{
	d_step {
		assert(slab[s].open);				/* slab 5 */
		assert(!slab[s].live);				/* slab 5 */
		assert(slab[s].hand == NOBODY || slab[s].hand == _pid);	/* slab 5 */
		assert(!slab[s].queued || slab[s].hand == _pid);	/* slab 5 */
		assert(!slab[s].listed);			/* heap 2 */
		assert(!slab[s].coming);			/* slab 5 */
		slab[s].open = false;
		slab[s].free_bitmap = 0;
		slab[s].remote = 0;
		slab[s].there = 0;
		slab[s].awaited = 0;
		slab[s].detachments = 0;
		slab[s].queued = false;
		slab[s].next_pending = 0;
		slab[s].is_full = false;
		slab[s].extra = false;
		slab[s].hand = NOBODY;
		slab[s].notifies = false;
		slab[s].stale = 0;
		slab[s].missed = false;
		for (n : 0 .. SLOTS - 1) {
			slab[s].next[n] = 0
		}
		n = 0
	}
}

inline slab_close(s)
{
	atomic { !lock -> slab_close_locked(s) }
}

/* Counts what is in given, and takes it. */
inline collect(s)
{
	assert(!(given & REMOTE_NOTIFY_NEXT));			/* slab 4 */
	n = WAITING(given);
#if LINKED
	given = given & 3;
	do
	:: n ->
		assert(given && (slab[s].there >> (given - 1) & 1));	/* slab 2 */
		assert(!(slab[s].free_bitmap >> (given - 1) & 1));	/* slab 2 */
		slab[s].free_bitmap = slab[s].free_bitmap | 1 << (given - 1);
		slab[s].there = slab[s].there & ~(1 << (given - 1));
		n--;
		last = given;
		given = slab[s].next[last - 1];
		slab[s].next[last - 1] = 0
	:: else -> break
	od;
	last = 0;
	assert(!given && !slab[s].there)			/* slab 6 */
#else
	assert((given & ALL) == slab[s].there);			/* slab 6 */
	assert(!(slab[s].free_bitmap & given));			/* slab 2 */
	slab[s].free_bitmap = slab[s].free_bitmap | slab[s].there;
	slab[s].there = 0;
	n = 0
#endif
	given = 0;
	slab[s].notifies = false;
	slab[s].stale = slab[s].freeing;
	slab[s].missed = false
}

inline remote_collect(s)
{
	assert(user == _pid);					/* heap 5 */
	given = slab[s].remote;
	if
	:: !given
	:: else ->
		atomic {
			given = (WRONG(COLLECTED_BY_STORE) -> given : slab[s].remote);
			slab[s].remote = 0;
			collect(s)
		}
	fi
}

/* Sets mine if this thread has to queue the slab. */
inline set_queued(s)
{
	atomic {
		assert(slab[s].open);				/* slab 5 */
		if
		:: !slab[s].queued -> slab[s].queued = true; slab[s].hand = _pid; mine = true
		:: else
		fi
	}
}

/*
 * Afterwards mine tells of NOTIFY_QUEUE. What NOTIFY_EMPTY asks for, any thread may do at any time.
 */
inline remote_push(s, slot)
{
	d_step { before = slab[s].remote; slab[s].stale = slab[s].stale & ~(1 << slot) };
	do
	:: d_step {
		assert(slab[s].open);				/* slab 5 */
		/* remote_with() */
		after = before;
		if
		:: before & REMOTE_NOTIFY_NEXT ->
			after = before & (WRONG(NEXT_STAYS) -> REMOTE_NOTIFY_NEXT | REMOTE_NOTIFY_LAST : REMOTE_NOTIFY_LAST)
		:: else
		fi;
#if LINKED
		slab[s].next[slot] = after & 3;
		after = (after & 252) + 4 + slot + 1;
#else
		after = after | 1 << slot;
#endif
		last = IS_LAST(s, after)
	   };
	   if
	   :: !mine && !WRONG(QUEUED_AFTER) && ((before & REMOTE_NOTIFY_NEXT) || last) -> set_queued(s)
	   :: else
	   fi;
	   atomic {
		assert(slab[s].open);				/* slab 5 */
		if
		:: slab[s].remote == before || WRONG(PUSHED_BY_STORE) ->
			assert(!(slab[s].there >> slot & 1));	/* slab 2 */
			slab[s].remote = after;
			slab[s].there = slab[s].there | 1 << slot;
			slab[s].live = slab[s].live & ~(1 << slot);
			slab[s].freeing = slab[s].freeing & ~(1 << slot);
			slab[s].missed = slab[s].missed || (slab[s].stale >> slot & 1);
			slab[s].stale = slab[s].stale & ~(1 << slot);
			break
		:: else ->
			before = slab[s].remote;
			slab[s].stale = slab[s].stale & ~(1 << slot)
		fi
	   }
	od;
	atomic {
		if
		:: WRONG(QUEUED_AFTER) && ((before & REMOTE_NOTIFY_NEXT) || last) ->
			mine = !slab[s].queued;				/* wrong */
			slab[s].queued = true;				/* wrong */
			slab[s].hand = (mine -> _pid : slab[s].hand)	/* wrong */
		:: else
		fi;
		before = 0;
		after = 0;
		last = 0
	}
}

/* Sets closable. */
inline remote_is_closable(s)
{
	before = slab[s].detachments;
	after = slab[s].remote;
	last = (after & REMOTE_NOTIFY_LAST) && WAITING(after) == SLOTS;
	closable = last && (WRONG(CLOSABLE_LISTED) || (WRONG(CLOSABLE_UNCOUNTED) -> IS_DETACHED(s) :
					       (before & 1) && slab[s].detachments == before));
	d_step { before = 0; after = 0; last = 0 }
}

inline remote_notify_last(s)
{
	do
	:: remote_collect(s);
	   slab[s].awaited = COUNT(s);
	   if
	   :: IS_EMPTY(s) -> break
	   :: else
	   fi;
	   atomic {
		if
		:: !slab[s].remote ->
			slab[s].remote = (WRONG(LAST_FORGOTTEN) -> 0 : REMOTE_NOTIFY_LAST);
			slab[s].notifies = true;
			break
		:: else
		fi
	   }
	od
}

inline remote_detach(s)
{
	slab[s].detachments++;
	d_step { slab[s].is_full = true; slab[s].extra = false };
	slab[s].awaited = SLOTS;
	atomic {
		assert(slab[s].detachments < BELOW);
		if
		:: !slab[s].remote || WRONG(DETACHED_BY_STORE) ->
			slab[s].remote = (WRONG(NEXT_FORGOTTEN) -> 0 : DETACHED(s))
		:: else -> failed = true
		fi
	};
	if
	:: failed ->
		slab[s].is_full = false;
		atomic { slab[s].detachments++; class_list_add(s); failed = false }
	:: else
	fi
}

inline remote_reattach(s)
{
	atomic {
		if
		:: slab[s].remote == DETACHED(s) || WRONG(REATTACHED_BY_STORE) -> slab[s].remote = 0
		:: else
		fi
	};
	slab[s].is_full = false;
	atomic { slab[s].detachments++; class_list_add(s) }
}

/* Sets closable if the listed slab has no live slot. What it reads, it reads in this order. */
inline remote_is_unused(s)
{
	before = slab[s].remote;
	d_step {						/* countdown */
		after = COUNT(s);
		closable = after == WAITING(before) && (!slab[s].coming || WRONG(TRIM_COMING))
	};
	closable = closable && (!slab[s].queued || WRONG(TRIM_QUEUED));
	d_step { before = 0; after = 0 }
}

/* ---- heap.c, idle.c, thread.c ---- */

inline begin()
{
	atomic {
		busy != BUSY_TRIMMED ->
		assert(busy == BUSY_NOBODY);			/* heap 5 */
		busy = BUSY_USER
	}
}

inline finish()
{
	busy = BUSY_NOBODY
}

inline class_list_remove(s)
{
	d_step { slab[s].listed = false; slab[s].first = false }
}

/* Closes a listed slab, which is empty and not queued. */
inline class_list_close(s)
{
	class_list_remove(s);
	slab_close(s)
}

#define IS_QUEUED(s)	(slab[s].queued && !WRONG(QUEUED_IGNORED))

/* The listed slab is empty. Whether one is kept depends on others of its class. */
inline retire(s)
{
	if
	:: IS_QUEUED(s)
	:: else ->
		if
		:: class_list_close(s)
		:: true
		fi
	fi
}

/* The owner has given a slot back: what slab_push() and heap_free_slow() do. */
inline heap_free_slow(s)
{
	if
	:: slab[s].coming ->
		begin();
		d_step { assert(slab[s].open); slab[s].coming = false };	/* slab 5 */
		if
		:: slab[s].is_full -> remote_reattach(s)
		:: else
		fi;
		if
		:: IS_EMPTY(s) -> retire(s)
		:: else
		fi;
		finish()
	:: else
	fi
}

inline pending_add(s)
{
	atomic {
		assert(slab[s].open);				/* slab 5 */
		assert(slab[s].queued && slab[s].hand == _pid);	/* heap 4 */
		slab[s].next_pending = pending;
		pending = s;
		slab[s].hand = NOBODY
	}
}

/* Sets taken to the first slab of the queue. */
inline pending_take()
{
	taken = pending;
	if
	:: taken == NO_SLAB
	:: else ->
		atomic {
			taken = (WRONG(TAKEN_BY_STORE) -> taken : pending);
			pending = NO_SLAB;
			n = taken;
			do
			:: n < NO_SLAB ->
				assert(slab[n].open && slab[n].queued);	/* heap 4 */
				assert(slab[n].hand == NOBODY);		/* heap 4 */
				slab[n].hand = _pid;
				n = slab[n].next_pending
			:: else -> break
			od;
			n = 0
		}
	fi
}

inline heap_collect_pending()
{
	assert(user == _pid);					/* heap 5 */
	pending_take();
	do
	:: taken < NO_SLAB ->
		d_step {
			assert(slab[taken].open);		/* heap 4 */
			following = slab[taken].next_pending;
			slab[taken].next_pending = (WRONG(NEXT_READ_LATE) -> following : 0);
			if
			:: WRONG(CLEARED_EARLY) ->
				slab[taken].queued = false;	/* wrong */
				slab[taken].hand = NOBODY	/* wrong */
			:: else
			fi
		};
		if
		:: slab[taken].is_full -> remote_reattach(taken)
		:: else
		fi;
		d_step {
			if
			:: !WRONG(CLEARED_EARLY) ->
				slab[taken].queued = false;
				slab[taken].hand = NOBODY
			:: else
			fi
		};
		remote_collect(taken);
		d_step { s1 = taken; taken = (WRONG(NEXT_READ_LATE) -> slab[taken].next_pending : following) };
		following = 0;
		if
		:: IS_EMPTY(s1) -> retire(s1)
		:: else
		fi;
		s1 = 0
	:: else -> break
	od;
	taken = 0
}

inline close_empty()
{
	for (t : 0 .. SLABS - 1) {
		if
		:: slab[t].listed ->
			remote_collect(t);
			if
			:: IS_EMPTY(t) && !IS_QUEUED(t) -> class_list_close(t)
			:: else
			fi
		:: else
		fi
	}
	t = 0
}

/* idle_collect() of a heap that is going to be parked */
inline await_all()
{
	for (t : 0 .. SLABS - 1) {
		if
		:: slab[t].listed -> remote_notify_last(t)
		:: else
		fi
	}
	t = 0
}

inline parked_add()
{
	lock_take();
	atomic {
		assert(user == _pid && !in_list);		/* heap 5 */
		parked = true;
		in_list = true;
		user = NOBODY
	};
	lock_give()
}

/* The heap is taken out of the list for its new thread, or to be collected. */
inline parked_remove(condition)
{
	lock_take();
	if
	:: in_list && (condition) ->
		atomic {
			assert(user == NOBODY);			/* heap 5 */
			in_list = false;
			user = _pid
		}
	:: else
	fi;
	lock_give()
}

/* Another thread closes what it can in the queue of a heap that does not collect it. */
inline pending_close_empty()
{
	pending_take();
	do
	:: taken < NO_SLAB ->
		following = slab[taken].next_pending;
		remote_is_closable(taken);
		if
		:: closable -> slab_close(taken)
		:: else -> pending_add(taken)
		fi;
		d_step { taken = following; following = 0; closable = false }
	:: else -> break
	od;
	taken = 0
}

/* The heap's thread trims no heap of its own. */
inline trim(s)
{
	lock_take();
	if
	:: atomic { busy == BUSY_NOBODY || WRONG(TRIM_BUSY) -> busy = BUSY_TRIMMED };
		if
		:: slab[s].listed && (!slab[s].first || WRONG(TRIM_FIRST)) ->
			remote_is_unused(s);
			if
			:: closable -> class_list_remove(s); slab_close_locked(s)
			:: else
			fi;
			closable = false
		:: else
		fi;
		busy = BUSY_NOBODY
	:: else
	fi;
	lock_give()
}

inline take(s)
{
	d_step {
		n = (slab[s].free_bitmap & 1 -> 0 : (slab[s].free_bitmap & 2 -> 1 : 2));
		assert(!(slab[s].live >> n & 1));		/* slab 2 */
		assert(!(slab[s].there >> n & 1));		/* slab 2 */
		slab[s].free_bitmap = slab[s].free_bitmap & ~(1 << n);
		slab[s].live = slab[s].live | 1 << n;
		n = 0
	}
}

/* A slot of slab s; if the slab is full, what happens before another one is opened. */
inline thread_alloc(s)
{
	if
	:: !slab[s].open -> begin(); slab_open(s); finish()
	:: slab[s].open && slab[s].first && slab[s].free_bitmap -> take(s)
	:: slab[s].open && !(slab[s].first && slab[s].free_bitmap) ->	/* find_slab() */
		begin();
		heap_collect_pending();
		if
		:: slab[s].listed ->
			slab[s].first = true;			/* no other is in front any more */
			if
			:: !slab[s].free_bitmap -> remote_collect(s)	/* refill() */
			:: else
			fi;
			if
			:: slab[s].free_bitmap -> finish(); take(s)
			:: else ->
				class_list_remove(s);
				remote_detach(s);
				finish()
			fi
		:: else -> finish()
		fi
	fi
}

inline thread_free_remote(s, slot)
{
	remote_push(s, slot);
	if
	:: mine -> pending_add(s); mine = false
	:: else
	fi
}

/* Slot i is live, and nobody is freeing it */
#define MAY_FREE(s, i)	(i < SLOTS && ((slab[s].live & ~slab[s].freeing) >> i & 1))

/* free() of any slot */
inline give(s)
{
	atomic {
		if
		:: MAY_FREE(s, 0) -> slot = 0
		:: MAY_FREE(s, 1) -> slot = 1
#if SLOTS > 2
		:: MAY_FREE(s, 2) -> slot = 2
#endif
		fi;
		slab[s].freeing = slab[s].freeing | 1 << slot
	};
	if
	:: user == _pid ->
		d_step {					/* slab_push() */
			slab[s].free_bitmap = slab[s].free_bitmap | 1 << slot;
			slab[s].live = slab[s].live & ~(1 << slot);
			slab[s].freeing = slab[s].freeing & ~(1 << slot);
			slab[s].coming = slab[s].is_full || IS_EMPTY(s)
		};
		heap_free_slow(s)
	:: else -> thread_free_remote(s, slot)
	fi;
	slot = 0
}

/* What thread_collect(), detach() and parked_collect() have in common: idle_collect() and more */
#define NONE		0
#define TRIM		1
#define DETACH		2
#define COLLECT_PARKED	3

/* The child has this thread only. What others had begun, stays as it is. */
inline fork()
{
	atomic {
		!lock || WRONG(FORK_UNLOCKED) ->
		survivor = _pid;
		forked = true;
		lock = false					/* lock_renew() */
	}
}

/*
 * In the child: the heap was that of a thread that is gone. That may have been taking a slot or
 * giving one back: the slot is free then, and countdown does not say so yet. If its slab is full,
 * that is made good at once.
 */
inline abandoned_look()
{
	lock_take();
	if
	:: atomic { busy == BUSY_NOBODY || WRONG(FORK_ADOPTS) -> user = _pid; busy = BUSY_NOBODY };
		for (t : 0 .. SLABS - 1) {
			slab[t].coming = false;
			if
			:: slab[t].listed && slab[t].free_bitmap -> slab[t].extra = true
			:: slab[t].is_full && slab[t].free_bitmap && !WRONG(FREE_UNFINISHED) ->
				remote_reattach(t)			/* complete_free() */
			:: !(slab[t].is_full && slab[t].free_bitmap) || WRONG(FREE_UNFINISHED)
			fi
		}
		t = 0;
		job = COLLECT_PARKED
	:: else
	fi;
	lock_give()
}

#define LOCALS	byte job, slot, s, s1, t, n, before, after, given, last, taken, following; \
		bool mine, closable, failed

proctype thread(byte steps) provided (!forked || survivor == _pid)
{
	LOCALS;

	do
	:: atomic {
		steps && job == NONE -> steps--;
#if SLABS > 1
		select(s : 0 .. SLABS - 1)
#endif
	   };
		if
		:: user == _pid -> thread_alloc(s)
		:: slab[s].live & ~slab[s].freeing -> give(s)
		:: user == _pid -> job = TRIM			/* thread_collect() */
		:: user != _pid && in_list ->			/* attach() */
			parked_remove(true);
			if
			:: user == _pid ->
				atomic {
					parked = false;
					for (t : 0 .. SLABS - 1) {
						slab[t].notifies = false
					}
					t = 0
				}
			:: else
			fi
		:: user != _pid && parked && pending < NO_SLAB ->	/* parked_collect() */
			parked_remove(pending < NO_SLAB);
			job = (user == _pid -> COLLECT_PARKED : NONE)
		:: user != _pid && pending < NO_SLAB -> pending_close_empty()
		:: user != _pid -> trim(s)
		:: !forked -> fork()
		fi;
		s = 0
	:: job == NONE && forked && user != _pid && user != NOBODY -> abandoned_look()
	:: job == NONE && user == _pid -> job = DETACH		/* detach() */
	:: job == NONE && user != _pid -> break
	:: job != NONE ->
		begin();
		heap_collect_pending();
		if
		:: job == DETACH					/* the heap is kept ready */
		:: true ->
			close_empty();
			if
			:: job != TRIM -> await_all()		/* for_long */
			:: else
			fi
		fi;
		finish();
		if
		:: job != TRIM -> parked_add()
		:: else
		fi;
		job = NONE
	od;
	running = (forked -> 0 : running - 1)
}

/* The heap is parked. */
inline check_heap()
{
	d_step {
		assert(user == NOBODY && in_list && parked);		/* heap 5 */
		for (s : 0 .. SLABS - 1) {
			assert(!slab[s].open || slab[s].listed == !slab[s].is_full);	/* heap 2 */
			assert(slab[s].is_full == IS_DETACHED(s));		/* slab 4 */
			assert(slab[s].is_full || !(slab[s].remote & REMOTE_NOTIFY_NEXT));	/* slab 4 */
			assert(!slab[s].is_full || !slab[s].free_bitmap);	/* slab 4 */
			assert(!slab[s].open ||				/* slab 6 */
			       (slab[s].live | slab[s].free_bitmap | slab[s].there) == ALL);
			assert(!(slab[s].live & slab[s].free_bitmap) &&	/* slab 6 */
			       !((slab[s].live | slab[s].free_bitmap) & slab[s].there))
		}
		s = 0
	}
}

/* And nobody is doing anything. */
inline check_quiet()
{
	check_heap();
	d_step {
		for (s : 0 .. SLABS - 1) {
			assert(slab[s].hand == NOBODY);			/* heap 4 */
			assert(!slab[s].is_full || slab[s].queued ||	/* slab 4 */
			       slab[s].remote & REMOTE_NOTIFY_NEXT);
			assert(!slab[s].notifies || slab[s].live || slab[s].queued ||	/* heap 6 */
			       (slab[s].missed && !WRONG(NOTIFIED_ALWAYS)))
		}
		n = 0;
		s = pending;
		do
		:: s < NO_SLAB -> assert(slab[s].queued); s = slab[s].next_pending; n++	/* heap 4 */
		:: else -> break
		od;
		for (s : 0 .. SLABS - 1) {
			n = n - slab[s].queued
		}
		assert(n == 0);						/* heap 4 */
		s = 0
	}
}

init
{
	LOCALS;

	c_code { now.wrong = getenv("WRONG") ? atoi(getenv("WRONG")) : 0; };
	atomic {
		/* The first thread has the heap; all slots are live, and the slabs are detached. */
		for (s : 0 .. SLABS - 1) {
			slab[s].open = true;
			slab[s].live = ALL;
			slab[s].is_full = true;
			slab[s].detachments = 1;
			slab[s].awaited = SLOTS;
			slab[s].remote = DETACHED(s);
			slab[s].hand = NOBODY
		}
		s = 0;
		user = run thread(STEPS);
		for (s : 2 .. THREADS) {
			run thread(OTHERS)
		}
		s = 0
	};
	atomic {
		running == 0;
		if
		:: forked ->
			/* The heap of a thread that is not in the child stays as it is. */
			if
			:: user == NOBODY -> check_heap()
			:: else
			fi;
			goto end
		:: else
		fi;
		check_quiet();
		t = 0;
		do
		:: t < SLABS && slab[t].live ->
			slot = (slab[t].live & 1 -> 0 : (slab[t].live & 2 -> 1 : 2));
			slab[t].freeing = 1 << slot;
			thread_free_remote(t, slot)
		:: t < SLABS && !slab[t].live -> t++
		:: t == SLABS -> break
		od;
		check_quiet();
		parked_remove(true);
		heap_collect_pending();						/* idle_collect() */
		close_empty();
		assert(pending == NO_SLAB);				/* heap 4 */
		for (s : 0 .. SLABS - 1) {
			assert(!slab[s].open)				/* slab 6 */
		}
	};
end:	skip
}
