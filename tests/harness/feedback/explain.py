# SPDX-License-Identifier: BSD-3-Clause
"""Why a test failed, for the person who wrote the library: calls, rules, pictures, the diff."""

import difflib
import re
import textwrap
from itertools import zip_longest

from . import heapmap
from ..spec import rules
from ..tracing import rerun
from ..compare import RESULT, nested, own_check
from ..spec.composed import FATAL, replayed
from ..tracing.events import parse_address
from .hints import MOST, as_hints, from_signs, hints
from ..spec.history import make, model_after, step_at
from ..spec.model import FREE, MAP_STRIDE
from .report import first_lines, indented, printable
from ..tracing.runner import NOT_DEFINED
from ..tracing.stats import follow, live_state

WIDTH = 96              # characters of a line of explanation
MOST_BESIDE = 110       # characters of two events side by side
KILLED = ("killed(", "<no end>")
CONTEXT = 3             # lines of diff around a difference
MOST_ACTUAL = 12        # lines of the program's event that are shown beside the reference's
MOST_DIFF = 40          # lines of diff that are shown
MOST_WIDTH = 200        # characters of such a line
MOST_STDERR = 10        # lines of the program's stderr that are shown
MOST_RULES = 4          # rules quoted when a program stopped itself
MOST_HEADERS = 6        # headers that differ which are shown
LOOK_AHEAD = 200        # events that are compared in a diff, behind the first difference
MOST_COMPARED = 2000    # lines of each side that are compared in a diff


def explain(outcome, again, passed=(), seen=None, found=None, brief=False):
    """The whole explanation of one failed test as text; `again` is the command to rerun it.

    `passed`: outcomes of tests that passed on the same library; what they contradict is not said.
    `seen`: what second_look() saw, or None. `found`: causes.Found of the whole suite, or None; its
    causes are explained above this (causetext.py), so that they are only named here. `brief`:
    without the diff of a failure that they explain.
    """
    parts = [f"{outcome.test.name}: {outcome.reason}"]
    if not own_check(outcome.run) and not (found and found.has_end(outcome.test.name)):
        parts.append("\n".join(map(printable, rerun.where(seen, outcome.setup))))
    begun = outcome.run.trace is not None and outcome.run.trace.main_seen
    if outcome.difference is not None and begun:
        parts += about_difference(outcome, passed, found)
        if not (brief and found and found.of(outcome.test.name)[1]):
            parts.append("Difference (- reference, + program):\n" +
                         indented(unified(outcome), "  "))
        parts.append(other_headers(outcome, seen))
    if not outcome.reason.endswith(NOT_DEFINED):
        parts.append(said(outcome.run.stderr))
    parts.append(f"Run it again:\n  {again}")
    return "\n\n".join(part for part in parts if part) + "\n"


def other_headers(outcome, seen):
    """What the headers of the contract's live blocks say otherwise in the library's own heap after
    the call, "" for nothing."""
    focus = focus_index(outcome.difference)
    if seen is None or seen.after is None or not outcome.stopped_itself:
        return ""
    theirs_by_place = {header.addr: header for header in seen.after.headers}
    lines = []
    for block in model_after(outcome.expected, focus + 1).heap:
        found = theirs_by_place.get(block.addr)
        differs = found and (found.size, found.status) != (block.size, block.status)
        if block.status != FREE and differs:
            lines.append(f"HeapStart + {block.payload:#x}: size {found.size}, status "
                         f"{found.status}; the contract has size {block.size}, status "
                         f"{block.status}")
    if not lines:
        return ""
    return "\n".join([f"Headers in your library's heap after {outcome.expected[focus][0]}:",
                      indented(first_lines(lines, MOST_HEADERS), "  ")])


def second_look(outcome):
    """What the failed program shows when it runs once more: a rerun.Seen, or None."""
    if outcome.difference is None:
        return rerun.look(outcome, 0)
    return rerun.look(outcome, rerun.calls_until(outcome.actual, focus_index(outcome.difference)))


def comparison(outcome):
    """Only what differs: the reason and the diff."""
    return f"{outcome.test.name}: {outcome.reason}\n{unified(outcome)}"


def about_difference(outcome, passed, causes=None):
    """Parts of the explanation that a differing event gives rise to."""
    difference = outcome.difference
    focus = focus_index(difference)
    parts = [where(outcome, focus)]
    if not outcome.stopped_itself:
        parts.append(beside(difference.expected, difference.actual))
    known = as_above(causes, outcome.test.name) if causes else ""
    parts += [known] if known else in_full(outcome, focus, passed, causes)
    return parts


def as_above(causes, name):
    """Which of the causes explained above a failure shows, "" for none of them."""
    numbers, whole = causes.of(name)
    if not numbers:
        return ""
    lines = [hanging(f"{number}. {title(cause.rule, cause.sentence)}")
             for number, cause in enumerate(causes.causes, 1) if number in numbers]
    head = "As above:" if whole else "The first difference is as above; more differs later, for " \
        "another reason:"
    return "\n".join([head, *lines])


def title(rule, sentence):
    """What a cause is: the rule that it breaks, if it breaks one, and its sentence."""
    return f"{rule}: {sentence}" if rule else sentence


def in_full(outcome, focus, passed, causes):
    """Likely mistakes, rules and pictures of a differing event that no cause above explains."""
    step = step_at(outcome.expected, focus)
    found = causes.hints(outcome.test.name)[:MOST] if causes else []
    found = found or mistakes_in(outcome, step.rules if step else [], passed, causes)
    return [likely(found), rule_part(outcome, found), pictures(outcome, focus) if step else ""]


def mistakes_in(outcome, numbers, passed, causes):
    """(rule, what) of each mistake that explains exactly this; `numbers`: rules of the call. Where
    causes were looked for, no other model of a mistake agrees with the whole suite."""
    if not outcome.run.comparable:
        return []       # the reason says it
    if outcome.stopped_itself:
        from . import suspects      # late: it builds the oracle
        return as_hints(suspects.found(outcome, passed))
    if causes is None:
        return hints(outcome.difference, outcome.expected, numbers, passed)
    return as_hints(from_signs(outcome.difference, outcome.expected, numbers, passed))


def focus_index(difference):
    """The event to explain: the one that differs, or the last one made if the program came to
    something else because of what that one did."""
    return difference.index if difference.same_call() else max(difference.index - 1, 0)


def where(outcome, focus):
    """Which call the explanation is about."""
    difference = outcome.difference
    if focus == difference.index:
        return f"First call that differs: event {difference.event}, {difference.call}"
    then = f"Then the reference has {difference.call or 'no more events'}, " \
        f"but {what_came(outcome)}."
    if outcome.stopped_itself:
        then = "Then the program looked at its memory (headers, contents, the addresses that it " \
            "got), found what is named above, and stopped itself."
    lines = [f"Up to event {focus + 1}, {outcome.expected[focus][0]}, everything agrees.", then]
    return "\n".join(textwrap.fill(line, WIDTH) for line in lines)


def what_came(outcome):
    """What the program came to in place of the reference's next event, in words."""
    if not outcome.difference.actual:
        return "there the trace ends"
    return f"the program came to {printable(outcome.difference.actual[0])}: it had looked at the " \
        "memory that it got, or the library did something outside the calls"


def beside(expected, actual):
    """Lines of two events side by side if they fit, else one above the other."""
    left = list(expected) or ["(nothing: the reference has ended)"]
    right = first_lines(actual, MOST_ACTUAL) or ["(nothing: the program has ended)"]
    room = max(map(len, ["Expected", *left]))
    if room + max(map(len, right)) + 5 > MOST_BESIDE:
        return "\n".join(["Expected:", indented(left, "  "), "Actual:", indented(right, "  ")])
    rows = [(" ", "Expected", "Actual")]
    rows += [(" " if one == other else "!", one, other) for one, other in paired(left, right)]
    return "\n".join(f"{mark} {one.ljust(room)} | {other}".rstrip() for mark, one, other in rows)


def paired(expected, actual):
    """Lines of two events in pairs; both results stand in the last pair."""
    ends = [[lines.pop()] if lines[-1].startswith(RESULT) else []
            for lines in (expected, actual)]
    return [*zip_longest(expected, actual, fillvalue=""), *zip_longest(*ends, fillvalue="")]


def likely(found):
    """The hints, as what they are: one mistake, or several that look alike here."""
    if not found:
        return ""
    head = "Likely mistake:" if len(found) == 1 else "Likely mistake, one of these:"
    return "\n".join([head, *(hanging(f"{rule}: {what}") for rule, what in found)])


def hanging(text):
    """A paragraph with all lines but the first one further in."""
    return textwrap.fill(text, WIDTH, initial_indent="  ", subsequent_indent="      ")


def cited(text):
    """Numbers of contract rules that a text names, in its order."""
    known = rules.all_rules()
    return [number for number in re.findall(r"\b[A-Z]\d+\b", text) if number in known]


def named(outcome, found):
    """Numbers of the contract rules that hints `found` and the program's own check name."""
    return [rule for rule, _ in found] + cited(outcome.reason)


def rules_at_stake(outcome, found=()):
    """Numbers of the contract rules that decide the call that differs: those that are named, those
    of the call, those about what was done besides.

    If the program stopped itself: those that are named, those that docs/rules.md lists for the
    program, those of its last call, and of all these only the first few.
    """
    difference = outcome.difference
    if difference is None:
        return []
    step = step_at(outcome.expected, focus_index(difference))
    numbers = named(outcome, found)
    if outcome.stopped_itself:
        numbers += rules.of_program(outcome.test.name) + (step.rules if step else [])
        return list(dict.fromkeys(numbers))[:MOST_RULES]
    numbers += step.rules if step else []
    if difference.same_call() and len(nested(difference.actual)) > len(nested(difference.expected)):
        numbers.append("Y1")
    if any(line.startswith("brk(") for line in difference.actual):
        numbers.append("Y2")
    return list(dict.fromkeys(numbers))


def rule_texts(outcome, found):
    """(number, sentences) of the rules at stake; if the program stopped itself, one sentence each
    of those that only may have to do with it."""
    numbers = rules_at_stake(outcome, found)
    full = named(outcome, found) if outcome.stopped_itself else numbers
    return [(number, rules.text(number) if number in full else rules.first_sentence(number))
            for number in numbers]


def rule_part(outcome, found):
    """The rules at stake as text, "" for none."""
    texts = rule_texts(outcome, found)
    if not texts:
        return ""
    what = "to look at" if outcome.stopped_itself else "that decide this call"
    return "\n".join([f"The rules of docs/contract.md {what}:",
                      *(hanging(": ".join(pair)) for pair in texts)])


def pictures(outcome, focus):
    """The heap before and after the call, as the contract has it, where the actual result lies in
    it, and what the trace shows of the library's own heap."""
    model = model_after(outcome.expected, focus)
    lines, _ = before_and_after(model, outcome.expected[focus], "as the contract has it")
    if outcome.difference.same_call():
        lines += whereabouts(outcome.difference.actual, outcome.difference.expected, model)
    return "\n".join([*lines, *theirs(outcome, focus, model)])


def before_and_after(model, event, whose):
    """(lines with the heap of a model before and after the call of an event, the Step that it makes
    there)."""
    before = heapmap.draw(model, mark=argument(event))
    step = make(model, event)
    after = heapmap.draw(model, mark=step.result or None)
    if before == after:
        return [f"The heap before and after {event[0]}, {whose}:", indented(after, "  ")], step
    return [f"The heap before {event[0]}, {whose}:", indented(before, "  "),
            f"and after it, {whose}:", indented(after, "  ")], step


def theirs(outcome, focus, contract):
    """Lines with what the program's trace shows of its heap after the call, [] if it shows no other
    blocks than the model `contract` has, or blocks that lie in one another."""
    events = outcome.actual[:focus + 1]
    if len(events) <= focus or not events[-1][-1].startswith(RESULT):
        return []
    model = live_state(follow(events))
    live = [[block.payload for block in one.heap if block.status != FREE]
            for one in (model, contract)]
    if any(right.addr < left.end for left, right in zip(model.heap, model.heap[1:])) or \
            (*live[:1], model.maps, model.brk) == (*live[1:], contract.maps, contract.brk):
        return []
    result = parse_address(events[-1][-1][len(RESULT):])
    return ["and as far as your library's trace shows it (not where its free blocks lie):",
            indented(heapmap.draw(model, mark=result or None, between="unknown"), "  ")]


def cause_pictures(example):
    """The heap before and after the call of a causes.Example, as it is without the mistake and as
    the library has it; "" if the call has no picture."""
    events, index = example.outcome.actual, example.index
    try:
        right = replayed(example.others, events[:index])
        wrong = replayed(example.mistakes, events[:index + 1])
        contract = right.snapshot() == replayed(frozenset(), events[:index]).snapshot()
        whose = "as the contract has it" if contract else "without this mistake"
        lines, _ = before_and_after(right, events[index], whose)
    except FATAL:
        return ""
    wrong.brk = follow(events[:index + 1]).brk
    result = parse_address(events[index][-1].removeprefix(RESULT))
    own = indented(heapmap.draw(wrong, mark=result or None, between="unknown"), "  ")
    here = [] if own == lines[-1] else ["and as your library has it:", own]
    return "\n".join([*lines, *here])


def argument(event):
    """The block that a call is about, as a model address, or None."""
    match = re.match(r"os_(?:realloc|free)\(([^,)]*)", event[0])
    return (match and parse_address(match[1])) or None


def whereabouts(actual, expected, model):
    """A line on where the result of the event `actual` lies in a model's heap, which has that of
    the event `expected`; [] if they are the same, or if there is none."""
    if not actual[-1].startswith(RESULT) or actual[-1] == expected[-1]:
        return []
    text = actual[-1][len(RESULT):]
    address = parse_address(text)
    if not address:
        return []
    where_it_is = place(address, model)
    return [textwrap.fill(f"In this heap, which is not your library's, the program's result, "
                          f"{text}, would lie {where_it_is}.", WIDTH)]


def place(address, model):
    """Where in a model's heap an address is, in words."""
    if address in (block.payload for block in model.maps.values()):
        return "at the start of that mapping's payload"
    if address >= MAP_STRIDE:
        return "in a mapping that the contract does not have here"
    for block in model.heap:
        if block.contains(address):
            kind = "free" if block.status == FREE else "live"
            name = f"the {kind} block of {block.size} bytes at HeapStart + {block.payload:#x}"
            if address == block.payload:
                return f"exactly at {name}"
            return f"{abs(address - block.payload)} bytes " \
                f"{'into' if address > block.payload else 'before the payload of'} {name}"
    return f"{address - model.brk} bytes behind the break"


def unified(outcome):
    """Unified diff of reference and program around the first difference, cut to a readable length.

    "" if no event differs.
    """
    if outcome.difference is None:
        return ""
    begin = max(outcome.difference.index - CONTEXT, 0)
    end = outcome.difference.index + LOOK_AHEAD
    skipped = sum(len(event) for event in outcome.expected[:begin])
    left_out = missed(outcome)
    expected = outcome.expected[:len(outcome.expected) - left_out]
    sides = [[line for event in events[begin:end] for line in event][:MOST_COMPARED]
             for events in (expected, outcome.actual)]
    lines = [moved(line, skipped)
             for line in difflib.unified_diff(*sides, n=CONTEXT, lineterm="")][2:]
    note = [end_note(outcome, left_out)] if left_out else []
    return "\n".join(first_lines(lines, MOST_DIFF) + note)


def missed(outcome):
    """How many of the reference's events a program that was killed did not come to."""
    if not outcome.actual or not outcome.actual[-1][0].startswith(KILLED):
        return 0
    return max(len(outcome.expected) - len(outcome.actual) + 1, 0)


def end_note(outcome, left_out):
    """What a diff says in place of the events that a program did not come to."""
    how = "stopped itself" if outcome.stopped_itself else "ended"
    events = "event" if left_out == 1 else "events"
    return f"(the program {how} there; the reference has {left_out} more {events})"


def moved(line, by):
    """A diff line; the line numbers of a hunk's head are counted from the trace's beginning."""
    if not line.startswith("@@"):
        return line
    return re.sub(r"([-+])(\d+)", lambda found: f"{found[1]}{int(found[2]) + by}", line)


def said(stderr):
    """What the program printed on stderr, safe for a terminal and short."""
    lines = [line[:MOST_WIDTH] for line in stderr.split(b"\n") if line]
    if not lines:
        return ""
    return "The program printed on stderr:\n" + indented(first_lines(lines, MOST_STDERR), "  ")
