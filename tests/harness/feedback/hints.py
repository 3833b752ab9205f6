# SPDX-License-Identifier: BSD-3-Clause
"""Recognise typical mistakes from the first call that differs.

A hint is given only if what the library did is exactly what that mistake leads to.

Two sources: wrong allocators that reproduce the program's trace exactly (mistakes.py), and a table
of features of the two events (SIGNS). Most signs say what the library did in this call; those that
say more are not given if a program that passed contradicts them.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from ..compare import RESULT, nested
from ..spec.history import make
from ..spec.mistakes import MISTAKES
from ..spec.model import BrokenModel
from ..spec.symbols import step_text

QUESTION = "  brk(0)"
ALLOWED = ("brk", "mmap", "munmap")
SIZES = re.compile(r"os_(?:malloc|calloc|realloc)\((?:.*, )?(\d+)\)")
MMAP = re.compile(r"mmap\(NULL, (\d+), (.*)\) = ")
MOST = 2        # hints printed for one failure
MOST_EVENTS = 200       # of a test that passed; longer ones say little more and take long


def name_of(line):
    """The system call's name in a nested line."""
    return line.strip().split("(", 1)[0]


def names(event):
    """Names of the system calls in an event."""
    return [name_of(line) for line in nested(event)]


def result_of(event):
    """The result of an event as text, "" if it has none (the program stopped inside)."""
    return event[-1][len(RESULT):] if event[-1].startswith(RESULT) else ""


def mappings(event):
    """(length, protection and flags) of every mmap in an event."""
    found = (MMAP.match(line.strip()) for line in nested(event))
    return [(int(match[1]), match[2]) for match in found if match]


class Case(NamedTuple):
    """What a sign is looked for in: the two events that differ, and what led to them."""

    expected: tuple     # lines of the reference's event
    actual: tuple       # lines of the program's event
    rules: list         # numbers of the rules that decide this call
    begun: bool         # whether an earlier call began the heap (F1)


def remaps(case):
    """mremap was called."""
    return "mremap" in names(case.actual)


def calls_others(case):
    """A system call that is no allocator's business."""
    return bool(set(names(case.actual)) - {*ALLOWED, "mremap"})


def asks_break_again(case):
    """brk(0) after the call that began the heap, or twice in it."""
    asked = sum(line.startswith(QUESTION) for line in case.actual)
    return asked > (0 if case.begun else 1)


def lowers_break(case):
    """os_free moves the break."""
    return case.expected[0].startswith("os_free(") and "brk" in names(case.actual)


def keeps_mapping(case):
    """A block's mapping is not unmapped, although the call returned."""
    return "munmap" in names(case.expected) and "munmap" not in names(case.actual) \
        and nested(case.expected)[:-1] == nested(case.actual) and result_of(case.actual) != ""


def serves_zero(case):
    """A request for nothing got something."""
    something = nested(case.actual) or result_of(case.actual) not in ("", "NULL", "<void>")
    return "W4" in case.rules and bool(something)


def revives_free_block(case):
    """os_realloc of a free block returned memory."""
    return "X2" in case.rules and result_of(case.actual) not in ("", "NULL")


def other_order(case):
    """The same system calls, but in another order."""
    ours, theirs = names(case.expected), names(case.actual)
    return ours != theirs and sorted(ours) == sorted(theirs)


def first_payload_elsewhere(case):
    """The system calls of F1 are right, the first payload is at another offset."""
    return "F1" in case.rules and nested(case.expected) == nested(case.actual) \
        and result_of(case.actual).startswith("HeapStart")


def mapping_pairs(case):
    """((length, flags) expected, (length, flags) made) of each mmap."""
    return list(zip(mappings(case.expected), mappings(case.actual)))


def maps_unaligned(case):
    """The mapping is short by what rounding to 8 adds."""
    return any(0 < ours[0] - theirs[0] < 8 for ours, theirs in mapping_pairs(case))


def maps_otherwise(case):
    """The length is right; protection, flags or descriptor are not."""
    return any(ours[0] == theirs[0] and ours[1] != theirs[1]
               for ours, theirs in mapping_pairs(case))


SIGNS = (
    (remaps, "M2", "uses mremap"),
    (calls_others, "Y1", "makes a system call that no allocator needs, perhaps through a helper "
     "such as stdio or the C library's malloc"),
    (asks_break_again, "F3", "asks for the break again with brk(0); sbrk remembers it, a raw brk "
     "does not"),
    (keeps_mapping, "R2", "does not give the block's mapping back here"),
    (lowers_break, "R1", "moves the break in this os_free"),
    (serves_zero, "W4", "does something for this request of nothing"),
    (revives_free_block, "X2", "hands out a free block again because os_realloc was called on it"),
    (other_order, "Y1", "makes the right system calls in the wrong order"),
    (first_payload_elsewhere, "G4", "does not begin the heap with one 32-byte header exactly at "
     "the break: is the header's size right, is the break aligned or padded?"),
    (maps_unaligned, "M1", "does not round the length of a mapping up to a multiple of 8"),
    (maps_otherwise, "M1", "maps with another protection or other flags"),
)


def begins_heap_rightly(event):
    """Whether an event of a program that passed denies first_payload_elsewhere()."""
    return any(line.startswith(QUESTION) for line in event)


def maps_odd_size(event):
    """Whether an event of a program that passed denies maps_unaligned()."""
    asked = SIZES.fullmatch(event[0])
    return bool(asked and int(asked[1]) % 8 and mappings(event))


DENIED = {first_payload_elsewhere: begins_heap_rightly, maps_unaligned: maps_odd_size}


def is_denied(sign, passed):
    """Whether a program that passed contradicts what a sign says."""
    return sign in DENIED and any(DENIED[sign](event) for outcome in passed
                                  for event in outcome.expected)


def from_signs(difference, events, rules, passed=()):
    """(rule, what) of every sign that the two events show, and that no outcome of `passed`
    contradicts."""
    begun = any(line.startswith(QUESTION) for event in events[:difference.index] for line in event)
    case = Case(difference.expected, difference.actual, rules, begun)
    return [(rule, what) for sign, rule, what in SIGNS
            if sign(case) and not is_denied(sign, passed)]


def reproduces(mistake, events, seen):
    """Whether an allocator with that mistake, called as in `events`, does what was `seen`."""
    model = mistake()
    try:
        for call, seen_event in zip(events, seen):
            step = make(model, call)
            if step is not None and step_text(step) != tuple(seen_event):
                return False
    except (BrokenModel, IndexError, TypeError, ValueError):
        return False
    return True


def contradicted(mistake, passed):
    """Whether a test that passed would have failed on a library with this mistake."""
    return any(fails(mistake, tuple(outcome.expected))
               for outcome in passed if len(outcome.expected) <= MOST_EVENTS)


@lru_cache(maxsize=1 << 14)
def fails(mistake, events):
    """Whether an allocator with that mistake shows another trace than a reference's events."""
    return not reproduces(mistake, events, events)


def from_mistakes(difference, events, passed):
    """(rule, what) of every typical mistake that reproduces the program's trace."""
    seen = [*events[:difference.index], difference.actual]
    return [(mistake.rule, mistake.__doc__) for mistake in MISTAKES
            if reproduces(mistake, events, seen) and not contradicted(mistake, passed)]


def hints(difference, events, rules, passed=()):
    """(rule, what the library seems to do) pairs, [] when nothing certain can be said.

    `events` are the reference's, `rules` the numbers of the rules that decide the call, `passed`
    the outcomes of tests that passed on the same library.
    """
    if not difference.same_call():
        return []
    found = from_mistakes(difference, events, passed) or \
        from_signs(difference, events, rules, passed)
    return as_hints(found)


def as_hints(found):
    """The first few of many pairs of a rule and what completes "the library ..."."""
    return [(rule, f"the library {what}") for rule, what in found[:MOST]]
