# SPDX-License-Identifier: BSD-3-Clause
"""Run the program of one test and compare its events with the reference."""

import re
import time
from dataclasses import dataclass, field

from .tracing import runner, trace
from .feedback.report import one_line

RESULT = "  = "
NO_MEMORY = RESULT + "NULL"
OWN_CHECK = re.compile(r"^(?:.*/)?([\w-]+\.c:\d+: .*)$", re.MULTILINE)


@dataclass(frozen=True)
class Difference:
    """The first event in which a program differs from its reference."""

    index: int          # of the event, from 0
    expected: tuple     # lines of the reference's event, () past its end
    actual: tuple       # lines of the program's event, () past its end

    @property
    def event(self):
        """The event's number, from 1."""
        return self.index + 1

    @property
    def call(self):
        """The reference's call, "" past its end."""
        return self.expected[0] if self.expected else ""

    def same_call(self):
        """Whether both events are the same call, so that only its effects differ."""
        return bool(self.expected and self.actual) and self.expected[0] == self.actual[0]

    def foreign_calls(self):
        """The names, without duplicates, of system calls inside this call that no allocator makes;
        [] if the call did not return."""
        if not self.same_call() or not self.actual[-1].startswith(RESULT):
            return []
        names = [line.strip().partition("(")[0] for line in nested(self.actual) if "(" in line]
        return list(dict.fromkeys(name for name in names if name not in trace.MEMORY_CALLS))

    def sentence(self):
        """The difference in one sentence."""
        if not self.expected:
            return f"continues after event {self.index}, where it should have ended"
        where = f"event {self.event}, {self.call}"
        if not self.actual:
            return f"ended before {where}"
        if not self.same_call():
            return f"in place of {where}: {self.actual[0]}"
        if not self.actual[-1].startswith(RESULT):
            return f"{where}: did not return"
        foreign = ", ".join(f"`{name}`" for name in self.foreign_calls())
        if foreign:
            return f"{where}: made the system call {foreign}, which no allocator makes (Y1)"
        return f"{where}: " + ("the result differs" if nested(self.expected) == nested(self.actual)
                               else "the system calls differ")


@dataclass(frozen=True)
class Setup:
    """The parameters of a program's run, for running it again.

    sources  directory of the library's sources
    box      a sandbox.Sandbox or None
    """

    program: str
    library: str
    sources: str
    box: object = None
    stdin: bytes = b""


@dataclass
class Outcome:
    """The result of one test."""

    test: object                # suite.Test
    expected: list              # events of the reference
    actual: list                # events of the run, up to the first that cannot be read
    run: object                 # runner.Run
    seconds: float              # how long the program ran
    difference: object          # Difference, or None if all events agree
    reason: str                 # why it failed, one sentence; "" if it passed
    setup: object = None        # Setup, for running the program again
    memory: list = field(default_factory=list)      # errors that -m found, one line each
    remarks: list = field(default_factory=list)     # other remarks of -m

    @property
    def stopped_itself(self):
        """Whether the first difference is that the program's own check of its memory failed."""
        return self.difference is not None and \
            stopped_itself(self.run, self.difference, self.actual)

    @property
    def passed(self):
        """Whether the traced run agrees with the reference. Memory checks do not count here."""
        return not self.reason

    @property
    def clean(self):
        """Whether the test passed and the memory checks found nothing."""
        return self.passed and not self.memory

    @property
    def earned(self):
        """The points for this test: all or none."""
        return self.test.points if self.passed else 0

    @property
    def played(self):
        """The share, from 0 to 1, of the program that was played. Less than 1 only if a call
        returned NULL where the reference does not, and the program ended because of that: then the
        share of the reference's events before this call."""
        last = len(self.actual) - 2
        if not 0 <= last < len(self.expected) or self.actual[last][-1] != NO_MEMORY or \
                self.expected[last][-1] == NO_MEMORY or self.actual[-1][0].startswith("exit("):
            return 1.0
        return last / (len(self.expected) - 1)


def stopped_itself(run, difference, actual):
    """Whether `difference` is the last of the events `actual`: the program's end because its own
    check failed."""
    return not difference.same_call() and difference.index == len(actual) - 1 \
        and bool(own_check(run))


def nested(event):
    """The lines of an event that are system calls."""
    return [line for line in event[1:] if not line.startswith(RESULT)]


def first_difference(expected, actual):
    """The first event in which two lists of events differ, or None."""
    for index in range(max(len(expected), len(actual))):
        pair = [tuple(events[index]) if index < len(events) else ()
                for events in (expected, actual)]
        if pair[0] != pair[1]:
            return Difference(index, *pair)
    return None


def run(test, expected, program, library, timeout, sources=None, **options):
    """Run a built program and compare it with the events `expected`: an Outcome.

    sources  directory of the library's sources; None: the library's own
    options  passed on to runner.run_traced()
    """
    begin = time.monotonic()
    done = runner.run_traced(program, library, timeout=timeout, **options)
    seconds = time.monotonic() - begin
    actual = trace.events_text(done.trace) if done.trace else []
    difference = first_difference(expected, actual)
    reason = one_line(why_failed(done, difference))
    setup = Setup(program, library, sources or library, options.get("box"), options.get("stdin"))
    return Outcome(test, expected, actual, done, seconds, difference, reason, setup)


def why_failed(run, difference):
    """One sentence on why a run failed its test, "" if it passed."""
    if not run.comparable:
        return run.reason
    if difference is None:
        return ""
    return own_check(run) or run.reason or difference.sentence()


def own_check(run):
    """A sentence on the test program's own check that failed (it ends with SIGILL), "" if none."""
    if run.trace is None or run.trace.signal != "SIGILL" or run.trace.open_call:
        return ""
    said = own_check_in(run.stderr)
    return f"the program's own check failed: {said}" if said else ""


def own_check_in(stderr):
    """The last failed check on a program's stderr, `FILE:LINE: text`; "" if there is none."""
    said = OWN_CHECK.findall(stderr.decode("utf-8", "replace"))
    return said[-1] if said else ""
