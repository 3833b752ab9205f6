"""Recognise typical mistakes from the first call that differs. A hint is given only if it is true.

Two sources: tables of features of the two events (SIGNS), and wrong allocators that reproduce
the program's trace exactly (mistakes.py).
"""

import re

from .grade import RESULT, nested
from .history import make
from .mistakes import MISTAKES
from .model import BrokenModel
from .symbols import step_text

ALLOWED = ("brk", "mmap", "munmap")
MMAP = re.compile(r"mmap\(NULL, (\d+), (.*)\) = ")
MOST = 2        # hints printed for one failure


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


def remaps(expected, actual, rules):
    """mremap was called."""
    return "mremap" in names(actual)


def calls_others(expected, actual, rules):
    """A system call that is no allocator's business."""
    return bool(set(names(actual)) - {*ALLOWED, "mremap"})


def asks_break_again(expected, actual, rules):
    """brk(0) inside a call where the contract has none."""
    asked = [sum(line.startswith("  brk(0)") for line in event) for event in (expected, actual)]
    return asked[1] > max(asked[0], int("F1" in rules))


def other_order(expected, actual, rules):
    """The same system calls, but in another order."""
    ours, theirs = nested(expected), nested(actual)
    return ours != theirs and sorted(names(expected)) == sorted(names(actual)) \
        and names(expected) != names(actual)


def first_payload_elsewhere(expected, actual, rules):
    """The system calls of F1 are right, the first payload is at another offset."""
    return "F1" in rules and nested(expected) == nested(actual) \
        and result_of(actual).startswith("HeapStart")


def lowers_break(expected, actual, rules):
    """os_free moves the break."""
    return expected[0].startswith("os_free(") and "brk" in names(actual)


def serves_zero(expected, actual, rules):
    """A request for nothing got something."""
    something = nested(actual) or result_of(actual) not in ("", "NULL", "<void>")
    return "W4" in rules and bool(something)


def revives_free_block(expected, actual, rules):
    """os_realloc of a free block returned memory."""
    return "X2" in rules and result_of(actual) not in ("", "NULL")


def maps_unaligned(expected, actual, rules):
    """The mapping is short by what rounding to 8 adds."""
    pairs = list(zip(mappings(expected), mappings(actual)))
    return any(0 < ours[0] - theirs[0] < 8 for ours, theirs in pairs)


def maps_otherwise(expected, actual, rules):
    """The length is right; protection, flags or descriptor are not."""
    pairs = list(zip(mappings(expected), mappings(actual)))
    return any(ours[0] == theirs[0] and ours[1] != theirs[1] for ours, theirs in pairs)


SIGNS = (
    (remaps, "M2", "uses mremap"),
    (calls_others, "Y1", "makes a system call that no allocator needs, perhaps through a helper "
     "such as stdio or the C library's malloc"),
    (asks_break_again, "F3", "asks for the break again with brk(0); sbrk remembers it, a raw brk "
     "does not"),
    (lowers_break, "R1", "moves the break when it frees a block"),
    (serves_zero, "W4", "does something for a request of nothing"),
    (revives_free_block, "X2", "hands out a free block again because os_realloc was called on it"),
    (other_order, "Y1", "makes the right system calls in the wrong order"),
    (first_payload_elsewhere, "G4", "does not begin the heap with one 32-byte header exactly at "
     "the break (is the header's size right? is the break aligned or padded?)"),
    (maps_unaligned, "M1", "does not round the length of a mapping up to a multiple of 8"),
    (maps_otherwise, "M1", "maps with another protection or other flags"),
)


def from_signs(difference, rules):
    """(rule, what) of every sign that the two events show."""
    return [(rule, what) for sign, rule, what in SIGNS
            if sign(difference.expected, difference.actual, rules)]


def reproduces(mistake, events, difference):
    """Whether an allocator with that mistake shows the program's trace up to the difference."""
    model = mistake()
    wanted = [*events[:difference.index], difference.actual]
    try:
        for call, seen in zip(events, wanted):
            step = make(model, call)
            if step is not None and step_text(step) != tuple(seen):
                return False
    except (BrokenModel, IndexError, TypeError, ValueError):
        return False
    return True


def from_mistakes(difference, events):
    """(rule, what) of every typical mistake that reproduces the program's trace."""
    return [(mistake.rule, mistake.__doc__) for mistake in MISTAKES
            if reproduces(mistake, events, difference)]


def hints(difference, events, rules):
    """Sentences about what went wrong, [] when nothing certain can be said.

    `events` are the reference's, `rules` the numbers of the rules that decide the call.
    """
    if not difference.same_call():
        return []
    found = from_signs(difference, rules) or from_mistakes(difference, events)
    return [f"An allocator that {what} does exactly this ({rule})." for rule, what in found[:MOST]]
