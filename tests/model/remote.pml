/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What threads do to each other in osmalloc: slots given back to another thread's
 * slab, mail, the end of a thread, the next one that takes its heap over, slabs that
 * a sleeping owner left, or has in its lists, fork. See docs/internals/osmalloc.md, "Model".
 *
 * One heap with SLABS slabs of SLOTS slots. THREADS threads do some things each, STEPS
 * the first and OTHERS the others: whoever has the heap allocates, frees, tidies, or
 * ends; everybody frees what anybody allocated, closes what is left, tidies the heap
 * while it is idle, takes it over, and may fork, once: from then on that thread is
 * alone, and takes the heap if the thread that had it was not busy. Everybody trims the heap while
 * its thread is not busy. When all threads are done
 * without a fork, init frees what is live, tidies, and looks for what was lost.
 *
 * Inlines have the names of the functions in osmalloc/slab.c, heap.c, idle.c and thread.c, variables
 * those in slab.h and heap.h. One step is one access to memory that several threads use, or
 * what a thread does with memory of its own, or under the lock. Memory is
 * sequentially consistent. The number of an invariant in slab.h or heap.h stands
 * beside each assertion; ghosts are variables that only assertions read.
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
#define PUSHED_BY_STORE		1	/* slab_push_remote: no compare-and-swap */
#define MAILED_AFTER		2	/* slab_push_remote: mailed is set when the slot is there */
#define FIRST_STAYS		3	/* slab_push_remote: REMOTE_FIRST is not taken away */
#define COLLECTED_BY_STORE	4	/* slab_collect: no exchange */
#define ASIDE_BY_STORE		5	/* slab_set_aside: no compare-and-swap */
#define ASIDE_UNTIMED		6	/* slab_set_aside: remote has no epoch in it */
#define FIRST_FORGOTTEN		7	/* slab_set_aside: remote stays 0 */
#define BACK_BY_STORE		8	/* slab_take_back: no compare-and-swap */
#define LAST_FORGOTTEN		9	/* slab_await_last: remote stays 0 */
#define LEFT_UNTIMED		10	/* slab_is_left: whether it is aside is read once */
#define LEFT_LISTED		11	/* slab_is_left: does not look whether it is aside */
#define MAILED_IGNORED		12	/* retire, close_empty: do not look whether mail is due */
#define MAILED_EARLY		13	/* read_mail: mailed is false while the slab is aside */
#define MAIL_READ_LATE		14	/* read_mail: the next one is read when mailed is false */
#define MAIL_BY_STORE		15	/* mail_fetch: no exchange */
#define LOCK_FORGOTTEN		16	/* lock_take: does not wait */
#define FORK_UNLOCKED		17	/* fork: does not wait for the lock */
#define FORK_ADOPTS		18	/* abandoned_look: a heap is taken although it was busy */
#define TOLD_ALWAYS		19	/* heap 6: without its exception; not a mistake, but not so */
#define TRIM_FIRST		20	/* trim: the first slab of a list is trimmed, too */
#define TRIM_COMING		21	/* slab_is_unused: does not look whether countdown is 0 */
#define TRIM_BUSY		22	/* trim: does not look whether the heap is busy */
#define TRIM_MAILED		23	/* slab_is_unused: does not look whether it is mailed */
#define FREE_UNFINISHED		24	/* abandoned_look: a full slab's slot was given back */

#define WRONG(mistake)	(wrong == mistake)

/* heap->busy */
#define BUSY_NOBODY	0
#define BUSY_USER	1
#define BUSY_TRIMMED	2

/* remote: two flags; below, slots, or slab->aside */
#define REMOTE_FIRST	128
#define REMOTE_LAST	64
#define BELOW		63

#define ALL		((1 << SLOTS) - 1)
#define BITS(set)	(((set) & 1) + ((set) >> 1 & 1) + ((set) >> 2 & 1))
#define NOBODY		255
#define NO_SLAB		SLABS

#if LINKED
/* The first slot's number and one in bits 0 and 1, how many there are above. */
#define WAITING(word)	((word) & REMOTE_FIRST -> 0 : ((word) & BELOW) >> 2)
#else
#define WAITING(word)	((word) & REMOTE_FIRST -> 0 : BITS(word))
#endif

/* What countdown says */
#define COUNT(s)	(SLOTS - BITS(slab[s].vacant) + slab[s].extra)
#define IS_EMPTY(s)	(!COUNT(s))

#define IS_ASIDE(s)	(slab[s].aside & 1)
#define ASIDE(s)	(REMOTE_FIRST | REMOTE_LAST | (WRONG(ASIDE_UNTIMED) -> 0 : slab[s].aside))
#define IS_LAST(s, word) (((word) & REMOTE_LAST) && WAITING(word) == slab[s].due)

typedef slab_t {
	byte remote;
	byte due;
	byte aside;
	bool mailed;
	byte mail;
	byte vacant;		/* the owner's free slots, as a set, linked or not */
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
	byte hand;		/* whoever is about to use it as mail */
	bool awaited;		/* its idle heap was tidied for long, nothing collected since */
	byte stale;		/* freed by threads whose view of remote is of before a collect */
	bool missed;		/* one of these was the last, and found remote as it had been */
};

slab_t slab[SLABS];
byte wrong;			/* which mistake */
byte mailbox = NO_SLAB;
bool idle;			/* heap->idle */
bool in_list;			/* the heap is in the list of those without a thread */
bool lock;
bool lock_busy;
byte busy;			/* heap->busy */
byte user = NOBODY;		/* ghost: the heap's thread, or who tidies it */
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

/* ---- slab.c ---- */

/* At the end of the list; there may be others of this class that the model does not have. */
inline list_add(s)
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
		slab[s].vacant = ALL;
		list_add(s)
	}
}

/* Everything that somebody could still be about to do with the slab is asked for here. */
inline slab_close_locked(s)
{
	d_step {
		assert(slab[s].open);				/* slab 5 */
		assert(!slab[s].live);				/* slab 5 */
		assert(slab[s].hand == NOBODY || slab[s].hand == _pid);	/* slab 5 */
		assert(!slab[s].mailed || slab[s].hand == _pid);	/* slab 5 */
		assert(!slab[s].listed);			/* heap 2 */
		assert(!slab[s].coming);			/* slab 5 */
		slab[s].open = false;
		slab[s].vacant = 0;
		slab[s].remote = 0;
		slab[s].there = 0;
		slab[s].due = 0;
		slab[s].aside = 0;
		slab[s].mailed = false;
		slab[s].mail = 0;
		slab[s].is_full = false;
		slab[s].extra = false;
		slab[s].hand = NOBODY;
		slab[s].awaited = false;
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
	assert(!(given & REMOTE_FIRST));			/* slab 4 */
	n = WAITING(given);
#if LINKED
	given = given & 3;
	do
	:: n ->
		assert(given && (slab[s].there >> (given - 1) & 1));	/* slab 2 */
		assert(!(slab[s].vacant >> (given - 1) & 1));	/* slab 2 */
		slab[s].vacant = slab[s].vacant | 1 << (given - 1);
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
	assert(!(slab[s].vacant & given));			/* slab 2 */
	slab[s].vacant = slab[s].vacant | slab[s].there;
	slab[s].there = 0;
	n = 0
#endif
	given = 0;
	slab[s].awaited = false;
	slab[s].stale = slab[s].freeing;
	slab[s].missed = false
}

inline slab_collect(s)
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

/* Sets mine if it is this thread that has to send mail. */
inline say_mailed(s)
{
	atomic {
		assert(slab[s].open);				/* slab 5 */
		if
		:: !slab[s].mailed -> slab[s].mailed = true; slab[s].hand = _pid; mine = true
		:: else
		fi
	}
}

/* Afterwards mine tells of NEWS_MAIL. What follows NEWS_EMPTY, anybody may do at any time. */
inline slab_push_remote(s, slot)
{
	d_step { before = slab[s].remote; slab[s].stale = slab[s].stale & ~(1 << slot) };
	do
	:: d_step {
		assert(slab[s].open);				/* slab 5 */
		/* remote_with() */
		after = before;
		if
		:: before & REMOTE_FIRST ->
			after = before & (WRONG(FIRST_STAYS) -> REMOTE_FIRST | REMOTE_LAST : REMOTE_LAST)
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
	   :: !mine && !WRONG(MAILED_AFTER) && ((before & REMOTE_FIRST) || last) -> say_mailed(s)
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
		:: WRONG(MAILED_AFTER) && ((before & REMOTE_FIRST) || last) ->
			mine = !slab[s].mailed;				/* wrong */
			slab[s].mailed = true;				/* wrong */
			slab[s].hand = (mine -> _pid : slab[s].hand)	/* wrong */
		:: else
		fi;
		before = 0;
		after = 0;
		last = 0
	}
}

/* Sets left. */
inline slab_is_left(s)
{
	before = slab[s].aside;
	after = slab[s].remote;
	last = (after & REMOTE_LAST) && WAITING(after) == SLOTS;
	left = last && (WRONG(LEFT_LISTED) || (WRONG(LEFT_UNTIMED) -> IS_ASIDE(s) :
					       (before & 1) && slab[s].aside == before));
	d_step { before = 0; after = 0; last = 0 }
}

inline slab_await_last(s)
{
	do
	:: slab_collect(s);
	   slab[s].due = COUNT(s);
	   if
	   :: IS_EMPTY(s) -> break
	   :: else
	   fi;
	   atomic {
		if
		:: !slab[s].remote ->
			slab[s].remote = (WRONG(LAST_FORGOTTEN) -> 0 : REMOTE_LAST);
			slab[s].awaited = true;
			break
		:: else
		fi
	   }
	od
}

inline slab_set_aside(s)
{
	slab[s].aside++;
	d_step { slab[s].is_full = true; slab[s].extra = false };
	slab[s].due = SLOTS;
	atomic {
		assert(slab[s].aside < BELOW);
		if
		:: !slab[s].remote || WRONG(ASIDE_BY_STORE) ->
			slab[s].remote = (WRONG(FIRST_FORGOTTEN) -> 0 : ASIDE(s))
		:: else -> failed = true
		fi
	};
	if
	:: failed ->
		slab[s].is_full = false;
		atomic { slab[s].aside++; list_add(s); failed = false }
	:: else
	fi
}

inline slab_take_back(s)
{
	atomic {
		if
		:: slab[s].remote == ASIDE(s) || WRONG(BACK_BY_STORE) -> slab[s].remote = 0
		:: else
		fi
	};
	slab[s].is_full = false;
	atomic { slab[s].aside++; list_add(s) }
}

/* Sets left if the listed slab has no live slot. What it reads, it reads in this order. */
inline slab_is_unused(s)
{
	before = slab[s].remote;
	d_step {						/* countdown */
		after = COUNT(s);
		left = after == WAITING(before) && (!slab[s].coming || WRONG(TRIM_COMING))
	};
	left = left && (!slab[s].mailed || WRONG(TRIM_MAILED));
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

inline list_remove(s)
{
	d_step { slab[s].listed = false; slab[s].first = false }
}

/* Closes the listed slab, which is empty, but not before its mail was read. */
inline list_close(s)
{
	list_remove(s);
	slab_close(s)
}

#define IS_MAILED(s)	(slab[s].mailed && !WRONG(MAILED_IGNORED))

/* The listed slab is empty. Whether one is kept depends on others of its class. */
inline retire(s)
{
	if
	:: IS_MAILED(s)
	:: else ->
		if
		:: list_close(s)
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
		:: slab[s].is_full -> slab_take_back(s)
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

inline mail_send(s)
{
	atomic {
		assert(slab[s].open);				/* slab 5 */
		assert(slab[s].mailed && slab[s].hand == _pid);	/* heap 4 */
		slab[s].mail = mailbox;
		mailbox = s;
		slab[s].hand = NOBODY
	}
}

/* Sets letter to the first slab. */
inline mail_fetch()
{
	letter = mailbox;
	if
	:: letter == NO_SLAB
	:: else ->
		atomic {
			letter = (WRONG(MAIL_BY_STORE) -> letter : mailbox);
			mailbox = NO_SLAB;
			n = letter;
			do
			:: n < NO_SLAB ->
				assert(slab[n].open && slab[n].mailed);	/* heap 4 */
				assert(slab[n].hand == NOBODY);		/* heap 4 */
				slab[n].hand = _pid;
				n = slab[n].mail
			:: else -> break
			od;
			n = 0
		}
	fi
}

inline read_mail()
{
	assert(user == _pid);					/* heap 5 */
	mail_fetch();
	do
	:: letter < NO_SLAB ->
		d_step {
			assert(slab[letter].open);		/* heap 4 */
			following = slab[letter].mail;
			slab[letter].mail = (WRONG(MAIL_READ_LATE) -> following : 0);
			if
			:: WRONG(MAILED_EARLY) ->
				slab[letter].mailed = false;	/* wrong */
				slab[letter].hand = NOBODY	/* wrong */
			:: else
			fi
		};
		if
		:: slab[letter].is_full -> slab_take_back(letter)
		:: else
		fi;
		d_step {
			if
			:: !WRONG(MAILED_EARLY) ->
				slab[letter].mailed = false;
				slab[letter].hand = NOBODY
			:: else
			fi
		};
		slab_collect(letter);
		d_step { s1 = letter; letter = (WRONG(MAIL_READ_LATE) -> slab[letter].mail : following) };
		following = 0;
		if
		:: IS_EMPTY(s1) -> retire(s1)
		:: else
		fi;
		s1 = 0
	:: else -> break
	od;
	letter = 0
}

inline close_empty()
{
	for (t : 0 .. SLABS - 1) {
		if
		:: slab[t].listed ->
			slab_collect(t);
			if
			:: IS_EMPTY(t) && !IS_MAILED(t) -> list_close(t)
			:: else
			fi
		:: else
		fi
	}
	t = 0
}

/* tidy() of a heap that is to be told */
inline await_all()
{
	for (t : 0 .. SLABS - 1) {
		if
		:: slab[t].listed -> slab_await_last(t)
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
		idle = true;
		in_list = true;
		user = NOBODY
	};
	lock_give()
}

/* The heap is taken out of the list for its new thread, or to be tidied. */
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

/* The mailbox of a heap that does not read its mail is looked through by another thread. */
inline heap_close_left()
{
	mail_fetch();
	do
	:: letter < NO_SLAB ->
		following = slab[letter].mail;
		slab_is_left(letter);
		if
		:: left -> slab_close(letter)
		:: else -> mail_send(letter)
		fi;
		d_step { letter = following; following = 0; left = false }
	:: else -> break
	od;
	letter = 0
}

/* The heap's thread trims no heap of its own. */
inline trim(s)
{
	lock_take();
	if
	:: atomic { busy == BUSY_NOBODY || WRONG(TRIM_BUSY) -> busy = BUSY_TRIMMED };
		if
		:: slab[s].listed && (!slab[s].first || WRONG(TRIM_FIRST)) ->
			slab_is_unused(s);
			if
			:: left -> list_remove(s); slab_close_locked(s)
			:: else
			fi;
			left = false
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
		n = (slab[s].vacant & 1 -> 0 : (slab[s].vacant & 2 -> 1 : 2));
		assert(!(slab[s].live >> n & 1));		/* slab 2 */
		assert(!(slab[s].there >> n & 1));		/* slab 2 */
		slab[s].vacant = slab[s].vacant & ~(1 << n);
		slab[s].live = slab[s].live | 1 << n;
		n = 0
	}
}

/* A slot of slab s; or, should it be full, what is done before another is opened. */
inline thread_alloc(s)
{
	if
	:: !slab[s].open -> begin(); slab_open(s); finish()
	:: slab[s].open && slab[s].first && slab[s].vacant -> take(s)
	:: slab[s].open && !(slab[s].first && slab[s].vacant) ->	/* find_slab() */
		begin();
		read_mail();
		if
		:: slab[s].listed ->
			slab[s].first = true;			/* no other is in front any more */
			if
			:: !slab[s].vacant -> slab_collect(s)	/* slab_refill() */
			:: else
			fi;
			if
			:: slab[s].vacant -> finish(); take(s)
			:: else ->
				list_remove(s);
				slab_set_aside(s);
				finish()
			fi
		:: else -> finish()
		fi
	fi
}

inline thread_free_remote(s, slot)
{
	slab_push_remote(s, slot);
	if
	:: mine -> mail_send(s); mine = false
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
			slab[s].vacant = slab[s].vacant | 1 << slot;
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
#define LEAVE		2
#define TIDY_IDLE	3

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
			:: slab[t].listed && slab[t].vacant -> slab[t].extra = true
			:: slab[t].is_full && slab[t].vacant && !WRONG(FREE_UNFINISHED) ->
				slab_take_back(t)			/* finish_free() */
			:: !(slab[t].is_full && slab[t].vacant) || WRONG(FREE_UNFINISHED)
			fi
		}
		t = 0;
		job = TIDY_IDLE
	:: else
	fi;
	lock_give()
}

#define LOCALS	byte job, slot, s, s1, t, n, before, after, given, last, letter, following; \
		bool mine, left, failed

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
					idle = false;
					for (t : 0 .. SLABS - 1) {
						slab[t].awaited = false
					}
					t = 0
				}
			:: else
			fi
		:: user != _pid && idle && mailbox < NO_SLAB ->	/* parked_collect() */
			parked_remove(mailbox < NO_SLAB);
			job = (user == _pid -> TIDY_IDLE : NONE)
		:: user != _pid && mailbox < NO_SLAB -> heap_close_left()
		:: user != _pid -> trim(s)
		:: !forked -> fork()
		fi;
		s = 0
	:: job == NONE && forked && user != _pid && user != NOBODY -> abandoned_look()
	:: job == NONE && user == _pid -> job = LEAVE		/* detach() */
	:: job == NONE && user != _pid -> break
	:: job != NONE ->
		begin();
		read_mail();
		if
		:: job == LEAVE					/* the heap is kept ready */
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

/* The heap is idle. */
inline check_heap()
{
	d_step {
		assert(user == NOBODY && in_list && idle);		/* heap 5 */
		for (s : 0 .. SLABS - 1) {
			assert(!slab[s].open || slab[s].listed == !slab[s].is_full);	/* heap 2 */
			assert(slab[s].is_full == IS_ASIDE(s));		/* slab 4 */
			assert(slab[s].is_full || !(slab[s].remote & REMOTE_FIRST));	/* slab 4 */
			assert(!slab[s].is_full || !slab[s].vacant);	/* slab 4 */
			assert(!slab[s].open ||				/* slab 6 */
			       (slab[s].live | slab[s].vacant | slab[s].there) == ALL);
			assert(!(slab[s].live & slab[s].vacant) &&	/* slab 6 */
			       !((slab[s].live | slab[s].vacant) & slab[s].there))
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
			assert(!slab[s].is_full || slab[s].mailed ||	/* slab 4 */
			       slab[s].remote & REMOTE_FIRST);
			assert(!slab[s].awaited || slab[s].live || slab[s].mailed ||	/* heap 6 */
			       (slab[s].missed && !WRONG(TOLD_ALWAYS)))
		}
		n = 0;
		s = mailbox;
		do
		:: s < NO_SLAB -> assert(slab[s].mailed); s = slab[s].mail; n++	/* heap 4 */
		:: else -> break
		od;
		for (s : 0 .. SLABS - 1) {
			n = n - slab[s].mailed
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
		/* The first thread has the heap; all slots are live, and the slabs are aside. */
		for (s : 0 .. SLABS - 1) {
			slab[s].open = true;
			slab[s].live = ALL;
			slab[s].is_full = true;
			slab[s].aside = 1;
			slab[s].due = SLOTS;
			slab[s].remote = ASIDE(s);
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
		read_mail();						/* tidy() */
		close_empty();
		assert(mailbox == NO_SLAB);				/* heap 4 */
		for (s : 0 .. SLABS - 1) {
			assert(!slab[s].open)				/* slab 6 */
		}
	};
end:	skip
}
