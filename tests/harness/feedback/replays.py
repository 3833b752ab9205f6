# SPDX-License-Identifier: BSD-3-Clause
"""Replay the traces of programs through models of wrong allocators."""

import re
from dataclasses import dataclass
from functools import lru_cache

from . import symptoms
from ..compare import RESULT, first_difference, own_check, stopped_itself
from ..spec.composed import FATAL, changed_by, compose, recorder
from ..tracing.events import parse_address, parse_call
from ..spec.history import STRAY
from ..spec.mistakes import Mistake
from ..suite import FIELDS
from ..spec.symbols import result_lines, step_text

READ = re.compile(r"\(found (-?\d+), expected (-?\d+)\)$")
RULE = re.compile(r"\b[A-Z]\d\b")


@dataclass(frozen=True, eq=False)
class Story:
    """The observed events of a program, without its end."""

    name: str
    events: tuple
    calls: tuple        # (name, args) of each event, None if it is not a call of the API
    whole: bool         # whether a model can predict all of it: no crash, no hang
    silent: bool        # whether only memory differs from the reference, not a call
    read: tuple         # (found, expected) from the failed check's text, () if it has none
    cited: frozenset    # numbers of the rules that the failed check names
    passed: bool
    first: int          # index of the first event that differs
    prints: bool        # whether calls print; `events` leaves that out
    headers: dict       # {number of events before: [(address, field, value)] of headers read then}

    @property
    def size(self):
        """The number of events that a set of mistakes must predict."""
        return len(self.events)


@lru_cache(maxsize=4096)
def call_of(event):
    """(name, args) of an event, for Model.step(); None if it is not a call of the API."""
    call = parse_call(event)
    if call is None:
        return None
    return call.name, tuple(STRAY if arg is None else arg for arg in call.args)


def story_of(outcome):
    """The Story of an Outcome, None if its trace cannot be compared."""
    if not outcome.run.comparable or not outcome.actual:
        return None
    kept = symptoms.without_stdio(outcome.actual)
    prints = kept != list(map(tuple, outcome.actual))
    events = tuple(kept[:-1])
    difference = first_difference(outcome.expected, kept) if prints else outcome.difference
    first = difference.index if difference else len(events)
    found = READ.search(outcome.reason)
    whole = kept[-1][0].startswith("exit(") or bool(own_check(outcome.run))
    silent = difference is not None and stopped_itself(outcome.run, difference, kept)
    passed = difference is None if prints else outcome.passed
    return Story(outcome.test.name, events, tuple(map(call_of, events)), whole, silent,
                 tuple(map(int, found.groups())) if found else (),
                 frozenset(RULE.findall(outcome.reason)), passed, first, prints,
                 headers_read(outcome.test, min(first, len(events) - (not passed))))


def headers_read(test, most):
    """{number of events before: [(address of a header, field, value)]} of the headers that a
    program read and found right: all its reads after at most `most` events."""
    found = {}
    for made, header, name, value in getattr(test, "headers", ()):
        if made <= most:
            found.setdefault(made, []).append((header, name, value))
    return found


def wrong_header(model, headers):
    """The text of the check that fails on the first of these (address of a header, field, value)
    whose value differs in the model; "" if none does. The header of an absorbed block remains
    visible."""
    seen = {header[0]: header[1:] for header in model.visible() if len(header) > 1}
    for header, name, value in headers:
        if name == "errno" and ("errno",) in model.visible():
            return "errno is not ENOMEM (W5)"
        found = seen[header][FIELDS.index(name)] if name in FIELDS and header in seen else value
        if found != value:
            return f"a header is wrong (found {found}, expected {value})"
    return ""


# ---- what wrong allocators show ----------------------------------------------------------------

def trace_of(mistakes, events):
    """What a program with the reference `events` shows on an allocator with these mistakes.

    The calls are the reference's; a pointer is the result of the call that returned it there. The
    trace ends where the allocator cannot go on.
    """
    model, results, made = compose(frozenset(mistakes))(), {}, []
    for event in events:
        call = call_of(event)
        if call is None:
            made.append(event)
            continue
        name, args = call
        if name in ("os_realloc", "os_free"):
            args = (results.get(args[0], args[0]), *args[1:])
        try:
            step = model.step(name, args)
        except FATAL:
            return [*made, ("killed(SIGSEGV)",)]
        made.append(step_text(step))
        if step.misuse:
            return [*made, ("killed(SIGABRT)",)]
        address = parse_address(event[-1].removeprefix(RESULT))
        if address:
            results[address] = step.result
    return made


# ---- replaying them ----------------------------------------------------------------------------

class Spent(Exception):
    """The limit of replayed calls is reached."""


class Replays:
    """Replays stories through models of wrong allocators, up to `most` calls in all."""

    def __init__(self, most):
        self.left = most
        self.known = {}         # (mistakes, story) -> predicted()
        self.reached = {}       # (mistakes, story) -> names of the methods that the replay called
        self.bases = []         # sets of mistakes that most other sets differ from by one

    def predicted(self, mistakes, story):
        """The number of events that an allocator with these mistakes predicts: those before the
        first event that differs, or before the program would have found a wrong header. One less
        than all if the story is `silent` but memory is right in this allocator."""
        key = mistakes, story
        if key not in self.known:
            like = self.smaller(mistakes, story)
            like = self.larger(mistakes, story) if like is None else like
            self.known[key] = self.replay(mistakes, story) if like is None else \
                self.predicted(like, story)
        return self.known[key]

    def smaller(self, mistakes, story):
        """A set in `bases` with one mistake less, whose methods its replay does not call, so that
        the result is the same; None if there is none."""
        for base in reversed(self.bases):
            if len(mistakes) == len(base) + 1 and base < mistakes:
                kind, = mistakes - base
                return None if changed_by(kind) & self.reached_in(base, story) else base
        return None

    def larger(self, mistakes, story):
        """smaller() with one mistake more."""
        for base in reversed(self.bases):
            if len(base) == len(mistakes) + 1 and mistakes < base:
                kind, = base - mistakes
                return None if changed_by(kind) & self.reached_in(base, story) else base
        return None

    def reached_in(self, mistakes, story):
        """The names of the methods that the replay for predicted() calls."""
        key = mistakes, story
        if key not in self.reached:
            like = self.smaller(mistakes, story)
            if like is None:
                model = recorder(mistakes)()
                self.known[key] = self.replay(mistakes, story, model)
                self.reached[key] = model.reached
            else:
                self.known[key] = self.predicted(like, story)
                self.reached[key] = self.reached_in(like, story)
        return self.reached[key]

    def replay(self, mistakes, story, model=None):
        """Replay a story: predicted(). Raises Spent."""
        if story.size > self.left:
            raise Spent
        model, done = model or compose(mistakes)(), 0
        try:
            for done, (call, event) in enumerate(zip(story.calls, story.events)):
                self.left -= 1
                if done in story.headers and wrong_header(model, story.headers[done]):
                    return done
                if call is not None and not shown(model.step(*call), event):
                    return done
        except FATAL:
            return done
        last = wrong_header(model, story.headers.get(story.size, ()))
        if last or story.silent and not shows(mistakes, model, story):
            return story.size - 1
        return story.size

    def explains(self, mistakes, story):
        """Whether an allocator with these mistakes predicts the whole trace of a failure."""
        return story.whole and self.predicted(mistakes, story) == story.size


def shown(step, event):
    """Whether an event shows the result and the system calls of a Step."""
    return len(event) == len(step.syscalls) + 1 + (not step.misuse) and \
        result_lines(step) == event[1:]


def right_model(calls):
    """The contract's model after some calls."""
    model = Mistake()
    for call in calls:
        if call is not None:
            model.step(*call)
    return model


def shows(mistakes, model, story):
    """Whether a check of headers that failed would fail on a wrong allocator: its headers have the
    value that the check found or, if the text gives no value, break a rule that the check names."""
    seen = {header[0]: header for header in model.visible()}
    right = {header[0]: header for header in right_model(story.calls).visible()}
    pairs = [pair for addr, header in seen.items() if addr in right
             for pair in zip(header[1:], right[addr][1:])]
    if story.read:
        return story.read in pairs
    return seen != right and any(mistake.rule in story.cited for mistake in mistakes)


def first_wrong_header(mistakes, headers, expected, actual):
    """(number of events before, text of the failed check) of the first header or errno that a
    program with the reference `expected` finds wrong on an allocator with these mistakes, whose
    trace is `actual`. None if all its reads are right as long as both traces agree."""
    for made in dict.fromkeys(made for made, *_ in headers):
        if actual[:made] != expected[:made] or len(actual) <= made:
            return None
        model = compose(frozenset(mistakes))()
        for call in filter(None, map(call_of, expected[:made])):
            model.step(*call)
        wrong = wrong_header(model, [read[1:] for read in headers if read[0] == made])
        if wrong:
            return made, wrong
    return None
