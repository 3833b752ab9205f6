# SPDX-License-Identifier: BSD-3-Clause
"""What several failures have in common although no model of a mistake predicts it.

- System calls of stdio inside calls, as a printf left in the library makes them (Y1). The rest of
  the trace is compared without them: they say nothing about memory.
- Other system calls that no allocator makes: the C library's stdio with a buffer of its own, say.
- A function that returned NULL whenever a block was due: as a rule it is not written yet.
- A size that cannot exist and that is not refused, or without errno: each function lets it wrap
  around in its own way, more ways than there are models.
- A crash, a hang or an exit() at one line of the source. What the program would have done after it
  is not known, so that this explains a failure but gives no points back.

Contents that were lost, changed or not zero are in contents.py.
"""

import concurrent.futures
import os
from dataclasses import dataclass, field

from . import explain
from ..tracing import rerun
from ..compare import NO_MEMORY, RESULT, own_check
from ..tracing.events import parse_call

STDIO = ("write", "writev", "fstat", "newfstatat", "statx", "ioctl", "lseek")
LEAST = 2           # failures with one end or one unwritten function that are explained together
MOST_LOOKS = 100    # programs that run once more for want of an end of their own
MOST_HANGS = 8      # of them those that hung: each takes its time again
STEPS = {"os_malloc": "step 1", "os_calloc": "step 5", "os_realloc": "step 6"}
GUIDE = "the README.md of your folder"
ENDS = {"crash": "crashes with {signal}", "hang": "hangs", "exit": "ends the program"}


class OutputInside:
    """prints inside its calls: each printf, puts or perror there is a system call such as write"""

    rule = "Y1"


@dataclass
class Symptom:
    """What some failures have in common.

    rule      number of the contract's rule that is broken, "" where none is
    mistake   a name that stays the same
    sentence  what the library does, without a full stop
    programs  names of the failures
    example   the Outcome of one of them
    index     of the event in it that shows this, None for its first difference
    lines     what else is known of it
    """

    rule: str
    mistake: str
    sentence: str
    programs: list
    example: object
    lines: list = field(default_factory=list)
    index: int = None


# ---- system calls of stdio ----------------------------------------------------------------------

def stdio_call(line):
    """The name of the system call that a line of an event shows, "" if stdio makes none such."""
    name, bracket, _ = line.strip().partition("(")
    return name if line.startswith("  ") and bracket and name in STDIO else ""


def without_stdio(events):
    """Events without the system calls of stdio inside their calls."""
    return [tuple(line for line in event if not stdio_call(line)) for event in events]


def other_calls(outcomes, printing):
    """A Symptom of the failures whose first difference is that a call makes system calls which no
    allocator makes; [] if there are none. `printing`: whether a cause names those of stdio."""
    known = STDIO if printing else ()
    found = [outcome for outcome in outcomes if outcome.difference and outcome.run.comparable
             and not set(known).issuperset(outcome.difference.foreign_calls())]
    names = {name: "" for outcome in found for name in outcome.difference.foreign_calls()}
    if len(found) < LEAST:
        return []
    sentence = f"inside its calls the library, or a function of the C library that it calls, " \
        f"makes system calls that no allocator needs: {', '.join(f'`{name}`' for name in names)}"
    return [Symptom("Y1", "other system calls", sentence,
                    [outcome.test.name for outcome in found], found[0])]


# ---- functions that are not written -------------------------------------------------------------

def unwritten(outcomes):
    """A Symptom for each function that returned NULL in all programs, in every call for which the
    contract has a block. One program is enough where another function is not written either."""
    failed, worked = {}, set()
    for outcome in outcomes:
        for index, (wanted, event) in enumerate(zip(outcome.expected, outcome.actual)):
            call = parse_call(event)
            if call is None or call.name not in STEPS or not event[-1].startswith(RESULT):
                continue
            if call.result:
                worked.add(call.name)
            elif tuple(wanted) != tuple(event) and wanted[0] == event[0]:
                failed.setdefault(call.name, []).append((outcome, index))
                break
    found = {name: places for name, places in failed.items() if name not in worked}
    if max(map(len, found.values()), default=0) < LEAST:
        return []
    return [null_symptom(name, places) for name, places in found.items()]


def null_symptom(name, places):
    """The Symptom of a function that always returned NULL, first in these (Outcome, index of the
    event); its example is one that differs nowhere before that."""
    programs = "1 program" if len(places) == 1 else f"{len(places)} programs"
    sentence = f"{name} returned NULL in {programs}: not written yet? Begin with " \
        f"{STEPS[name]} of \"A good order\" in {GUIDE}"
    example, index = min(places, key=lambda place: place[0].difference.index < place[1])
    return Symptom("", f"unwritten {name}", sentence,
                   [outcome.test.name for outcome, _ in places], example, index=index)


# ---- sizes that cannot exist ---------------------------------------------------------------------

def not_refused(outcomes):
    """A Symptom for each function that did not refuse a size that cannot exist, or without errno,
    in some failures: those of whose programs the check of W5 failed behind such a call."""
    groups = {}
    for outcome in outcomes:
        last = outcome.actual[-2] if len(outcome.actual) > 1 else ()
        call = parse_call(last) if "(W5)" in own_check(outcome.run) else None
        if call:
            groups.setdefault((call.name, last[-1] == NO_MEMORY), []).append(outcome)
    return [w5_symptom(name, refused, found) for (name, refused), found in groups.items()]


def w5_symptom(name, refused, outcomes):
    """The Symptom of failures behind a call of one function, which returned NULL (`refused`) or
    not."""
    does = "returns NULL without setting errno to ENOMEM" if refused else "returns a block"
    example = min(outcomes, key=lambda outcome: len(outcome.actual))
    return Symptom("W5", f"{'no errno' if refused else 'impossible size'} in {name}",
                   f"{name} {does} for a size that cannot exist, near SIZE_MAX",
                   [outcome.test.name for outcome in outcomes], example, [example.reason],
                   len(example.actual) - 2)


# ---- one line at which programs end -------------------------------------------------------------

def ended_early(outcome):
    """Whether a program crashed, hung or exited inside a call."""
    run = outcome.run
    early = run.status in ("timeout", "killed", "tracer") or not run.comparable
    return early and run.trace is not None and not own_check(run)


def looks(outcomes, jobs):
    """{name: rerun.Seen} of the programs that ended early, run once more, `jobs` at a time."""
    ended = [outcome for outcome in outcomes if ended_early(outcome)]
    hung = [outcome for outcome in ended if outcome.run.status == "timeout"]
    chosen = [outcome for outcome in ended if outcome not in hung[MOST_HANGS:]][:MOST_LOOKS]
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        seen = pool.map(explain.second_look, chosen)
        return {outcome.test.name: look for outcome, look in zip(chosen, seen) if look}


def place_of(seen):
    """(how a program ended, where in the library), None where that is not known."""
    if seen is None or not seen.how:
        return None
    own = [frame for frame in seen.frames if frame.module == rerun.LIBRARY and frame.path]
    if not own:
        return None
    name, path, line = own[0].name, own[0].path, own[0].line
    # Where in its loop a program is when it is stopped means nothing.
    return seen.how, seen.signal, name, path, line if seen.how != "hang" else 0


def same_end(outcomes, looks):
    """A Symptom for each place in the source at which several programs ended."""
    groups = {}
    for outcome in outcomes:
        place = place_of(looks.get(outcome.test.name))
        if place:
            groups.setdefault(place, []).append(outcome)
    return [end_symptom(place, found, looks[found[0].test.name])
            for place, found in groups.items() if len(found) >= LEAST]


def end_symptom(place, outcomes, seen):
    """The Symptom of several programs that ended at one place."""
    how, signal, name, path, line = place
    what = ENDS[how].format(signal=signal)
    at = os.path.basename(path) + (f":{line}" if line else "")
    sentence = f"the library {what} in {name} ({at})"
    return Symptom("", f"{how} in {name} ({at})", sentence,
                   [outcome.test.name for outcome in outcomes], outcomes[0],
                   rerun.where(seen, outcomes[0].setup))
