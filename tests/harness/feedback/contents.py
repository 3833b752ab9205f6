# SPDX-License-Identifier: BSD-3-Clause
"""Why contents were lost, changed or not zero: what the traces of all programs agree on.

Programs fill each block over its rounded size, and look at it when they resize or free it. So a
failed check says what happened inside the last call (os_realloc lost bytes, os_calloc left some),
or that a live block changed. Which bytes these are no check says: a guess (MOVES, ZEROES) is told
only if each failed check agrees with it and no call of any program contradicts it.
"""

from dataclasses import dataclass

from ..compare import own_check
from ..tracing.events import gives_back, parse_call
from ..spec.history import model_after
from ..spec.model import HEADER, MAP_STRIDE, aligned
from .symptoms import Symptom

NOT_ZERO, LOST, CHANGED = "memory from calloc is not zero", "resizing lost contents", \
    "the block's contents changed"
LEAST_HEADER = 24       # bytes in front of a payload that every library needs
MOST_GUESSES = 2        # that are told; if more agree, none is


@dataclass
class Move:
    """A block that os_realloc moved: addresses, bytes asked for before and now, whether it may have
    had slack; whether its contents were lost."""

    old: int
    new: int
    asked: int
    size: int
    slack: bool
    failed: bool

    @property
    def kept(self):
        """Bytes that a program looks at afterwards."""
        return min(aligned(self.asked), aligned(self.size))


@dataclass
class Cleared:
    """A block that os_calloc returned: its two arguments, (first, end) of the bytes in it that were
    used before; whether it was not zero."""

    number: int
    size: int
    used: list
    failed: bool

    def was_used(self, first):
        """Whether one of the bytes from `first` on was used before."""
        return any(end > first for _, end in self.used)


# What os_realloc does not copy: (words, whether a Move loses bytes then, None if it may).
MOVES = (
    ("it copies nothing", lambda move: True),
    ("it copies nothing of a mapped block", lambda move: move.old >= MAP_STRIDE),
    ("it copies nothing of a block of the heap", lambda move: move.old < MAP_STRIDE),
    ("it copies nothing if the block becomes no longer",
     lambda move: aligned(move.size) <= aligned(move.asked)),
    ("it copies only as many bytes as were asked for",
     lambda move: move.size < move.kept or (None if move.asked < move.kept or move.slack
                                            else False)),
    ("it does not copy the slack behind the bytes that were asked for",
     lambda move: None if move.slack else False),
)

# What os_calloc does not clear: the same of a Cleared.
ZEROES = (
    ("it clears nothing", lambda block: block.was_used(0) or None),
    ("it clears `size` bytes, not `nmemb * size`",
     lambda block: block.number > 1 and (block.was_used(block.size) or None)),
    ("it clears whole words only, not the last bytes behind them",
     lambda block: block.number * block.size % 8 > 0 and (
         block.was_used(block.number * block.size // 8 * 8) or None)),
)


def agreeing(guesses, seen):
    """Words of the guesses that explain all that failed and that nothing contradicts, ": ..., or
    ..."; "" if there are none, or too many."""
    words = [text for text, loses in guesses
             if all(loses(one) is not False if one.failed else not loses(one) for one in seen)]
    told = any(one.failed for one in seen) and 0 < len(words) <= MOST_GUESSES
    return ": " + ", or ".join(words) if told else ""


# ---- what a trace shows --------------------------------------------------------------------------

def calls_of(outcome):
    """(index, Call, bytes asked for of each live block before it) of the finished calls."""
    live = {}
    for index, event in enumerate(outcome.actual):
        call = parse_call(event)
        if call is None or not call.finished:
            continue
        yield index, call, dict(live)
        if gives_back(call):
            live.pop(call.args[0], None)
        if call.result:
            live[call.result] = call.asked


def failed_check(outcome):
    """The text about contents that a program's failed check has, "" for none."""
    said = own_check(outcome.run)
    return next((text for text in (NOT_ZERO, LOST, CHANGED) if text in said), "")


def moves_of(outcome):
    """The Moves of a program."""
    last, lost = len(outcome.actual) - 2, failed_check(outcome) == LOST
    return [Move(call.args[0], call.result, live[call.args[0]], call.asked,
                 lost and index == last and has_slack(outcome, index, call), lost and index == last)
            for index, call, live in calls_of(outcome) if call.name == "os_realloc"
            and call.result and call.args[0] in live and call.args[0] != call.result]


def has_slack(outcome, index, call):
    """Whether the contract's block has bytes behind those that were asked for last."""
    if not outcome.stopped_itself:
        return False
    asked = {one.result: one.asked for _, one, _ in calls_of(outcome) if one is not call}
    blocks = model_after(outcome.expected, index).heap
    return any(block.payload == call.args[0] and block.size > aligned(asked.get(block.payload, 0))
               for block in blocks)


def cleared_of(outcome):
    """The Cleared of a program."""
    last, failed = len(outcome.actual) - 2, failed_check(outcome) == NOT_ZERO
    used, found = [], []
    for index, call, _ in calls_of(outcome):
        if not call.result:
            continue
        if call.name == "os_calloc":
            end = call.result + call.asked
            parts = [(max(first - call.result, 0), min(stop, end) - call.result)
                     for first, stop in used if first < end and call.result < stop]
            found.append(Cleared(*call.args, parts, failed and index == last))
        used.append((call.result - HEADER, call.result + aligned(call.asked)))
    return found


def overlap(outcome):
    """Index of the first call that returns a block which lies, header included, in another live
    one; None if there is none."""
    for index, call, live in calls_of(outcome):
        others = {address: asked for address, asked in live.items()
                  if not (gives_back(call) and address == call.args[0])}
        if call.result and any(call.result - LEAST_HEADER < address + aligned(asked) and
                               address - LEAST_HEADER < call.result + aligned(call.asked)
                               for address, asked in others.items()):
            return index
    return None


# ---- symptoms ------------------------------------------------------------------------------------

def symptoms_of(failures, outcomes):
    """The Symptoms of those failures in which contents were lost, changed or not zero, but those
    that first show a system call which no allocator makes (mremap, say): it is told of that.
    `outcomes`: all of the suite, for what their calls contradict."""
    groups = {}
    for outcome in failures:
        if outcome.run.comparable and failed_check(outcome) and len(outcome.actual) > 1 and \
                not shows_system_call(outcome.difference):
            kind, index = kind_of(outcome)
            groups.setdefault(kind, []).append((outcome, index))
    comparable = [outcome for outcome in outcomes if outcome.run.comparable]
    return [symptom(kind, places, comparable) for kind, places in groups.items()]


def shows_system_call(difference):
    """Whether a Difference shows a system call that the contract has nowhere."""
    return bool(difference.foreign_calls()) or \
        any(line.startswith("  mremap(") for line in difference.actual)


def kind_of(outcome):
    """(function that makes the Symptom's rule and sentence, index of the call that shows it)."""
    last = len(outcome.actual) - 2
    call, check, index = parse_call(outcome.actual[last]), failed_check(outcome), overlap(outcome)
    if check == NOT_ZERO:
        return not_zero, last
    if check == LOST and call and call.result is None:
        return stray, last
    if index is not None:
        return overlapping, index
    if check == LOST and call and call.result != call.args[0]:
        return moved, last
    return (in_place if check == LOST else changed), last


def symptom(kind, places, outcomes):
    """The Symptom of a kind that some (Outcome, index of the call) show."""
    rule, sentence = kind(outcomes)
    example, index = min(places, key=lambda place: (not place[0].stopped_itself,
                                                    len(place[0].actual)))
    return Symptom(rule, kind.__name__, "the library " + sentence,
                   [outcome.test.name for outcome, _ in places], example, [example.reason], index)


def not_zero(outcomes):
    """os_calloc left bytes."""
    seen = [one for outcome in outcomes for one in cleared_of(outcome)]
    return "H6", "leaves bytes that are not zero in memory from os_calloc" + agreeing(ZEROES, seen)


def moved(outcomes):
    """os_realloc did not copy all."""
    seen = [one for outcome in outcomes for one in moves_of(outcome)]
    return "X9", "loses contents of a block that os_realloc moves" + agreeing(MOVES, seen)


def in_place(_):
    """os_realloc wrote into a block that stays."""
    return "X9", "changes contents of a block that os_realloc resizes where it is"


def stray(_):
    """os_realloc returned no block."""
    return "", "returns an address from os_realloc that lies in no memory it got from the " \
        "system (is there a `return` on every way out?)"


def overlapping(_):
    """Blocks overlap."""
    return "G5", "gives out memory that belongs to a live block, or puts a header there"


def changed(_):
    """A live block changed."""
    return "G5", "changes bytes of a live block, though no two live blocks overlap (does it " \
        "write a header or a link there, or copy too much?)"
