# SPDX-License-Identifier: BSD-3-Clause
"""The causes of a suite's failures in words: as records for JSON, and as the text made of them."""

import textwrap

from . import explain
from ..spec import rules
from ..spec.composed import FATAL, replayed
from ..spec.history import make
from .report import first_lines, indented, printable
from ..spec.symbols import step_text

MOST_NAMED = 5          # failures that the text names for one cause
MOST_LINES = 12         # lines of an event
COLUMNS = 96


def counted(number, noun):
    """`1 failure`, `2 failures`."""
    return f"{number} {noun}" + ("" if number == 1 else "s")


def headline(count, explained, failed, noun="mistake"):
    """How many causes explain how many of the failures, in a line; "" if nothing failed. `noun`:
    what they are."""
    if not failed:
        return ""
    if not count:
        return ("No known mistake explains the failure." if failed == 1 else
                f"No known mistake explains any of the {failed} failures.")
    return f"{counted(count, noun)} {'explains' if count == 1 else 'explain'} {explained} " \
        f"of {counted(failed, 'failure')}."


def noun_of(proved):
    """What causes are called, of each whether it is proved: mistakes, if all of them are."""
    return "mistake" if all(proved) else "cause"


def records(found):
    """The causes of a causes.Found as objects for JSON:

    rule             number of the contract's rule; mistake  a name for the mistake
    sentence         what the library does, without a full stop
    tests            names of the failures that it has a part in; example  one of them
    where            the call of the example that shows this mistake
    rules            [number, sentences] of each rule that decides this call, the broken one first
    expected, found  lines of that call without this mistake, and of the program; if the program's
                     own check failed: none, and what it said
    picture          the heap before and after it: without the mistake, and the library's
    proved           whether marks by cause give points back for the failures: the whole trace of
                     each is explained, and not by a function that is not written
    """
    return [record(cause) for cause in found.causes]


def record(cause):
    """One member of records()."""
    if not cause.example.mistakes:
        return symptom_record(cause)
    example, outcome = cause.example, cause.example.outcome
    step = right_step(example)
    made = {"rule": cause.rule, "mistake": cause.mistake, "sentence": cause.sentence,
            "tests": list(cause.programs), "example": outcome.test.name, "where": "",
            "rules": rules_of(cause, step), "expected": list(step_text(step)) if step else [],
            "found": [], "picture": explain.cause_pictures(example),
            "proved": cause.proved}
    event = outcome.actual[example.index]
    made["where"] = f"event {example.index + 1}, {event[0]}"
    if made["expected"] == list(event):     # nothing but a check of the program's own differs
        made["expected"], made["found"] = [], [printable(outcome.reason)]
    else:
        made["found"] = first_lines(event, MOST_LINES)
    if made["expected"] and tuple(made["expected"]) not in outcome.expected[example.index:][:1]:
        made["where"] += " (expected: what the library would do without this mistake, but with " \
            "the others)"
    return made


def symptom_record(cause):
    """One member of records(), of a symptom (symptoms.py): what it shows is all that is known."""
    outcome = cause.example.outcome
    index, difference = cause.example.index, outcome.difference
    focus = explain.focus_index(difference) if index == difference.index else index
    event = outcome.expected[focus] if focus <= difference.index else outcome.actual[focus]
    made = {"rule": cause.rule, "mistake": cause.mistake, "sentence": cause.sentence,
            "tests": list(cause.programs), "example": outcome.test.name,
            "where": f"event {focus + 1}, {event[0]}",
            "rules": [[cause.rule, rules.text(cause.rule)]] if cause.rule else [],
            "expected": [], "found": list(map(printable, cause.lines)), "picture": "",
            "proved": cause.proved}
    if not cause.lines:
        made["expected"] = list(outcome.difference.expected)
        made["found"] = first_lines(outcome.difference.actual, MOST_LINES)
    return made


def right_step(example):
    """The Step of an allocator without the mistake of a causes.Example in its call; None if that
    one cannot make it."""
    events, index = example.outcome.actual, example.index
    try:
        return make(replayed(example.others, events[:index]), events[index])
    except FATAL:
        return None


def rules_of(cause, step):
    """[number, sentences] of the rules that a Cause names, and of those that decide its call."""
    outcome = cause.example.outcome
    named = [(cause.rule, cause.sentence)]
    if outcome.stopped_itself:
        return [list(pair) for pair in explain.rule_texts(outcome, named)]
    numbers = [cause.rule, *explain.cited(cause.sentence), *(step.rules if step else [])]
    return [[number, rules.text(number)] for number in dict.fromkeys(numbers)]


def text(found, whole=False):
    """All that explains a suite's failures as plain text, "" if nothing failed. `whole`: with the
    sentences of rules that the examples do not break."""
    explained = set().union(*(cause.programs for cause in found.causes))
    head = headline(len(found.causes), len(explained), found.failed,
                    noun_of(cause.proved for cause in found.causes))
    made = records(found)
    return "\n\n".join([overview(head, made), *(one(number, cause, whole=whole)
                                                for number, cause in enumerate(made, 1))])


def overview(head, made):
    """The headline `head`, and a line for each of several records."""
    lines = [wrapped(f"{number}. {explain.title(each['rule'], each['sentence'])} "
                     f"({counted(len(each['tests']), 'failure')})", "  ")
             for number, each in enumerate(made, 1)]
    return "\n".join([head, *lines]) if len(made) != 1 else head


def one(number, made, cost="", whole=False):
    """One record as text; `cost` says what the cause costs, "" for nothing; `whole`: as text()."""
    names = ", ".join(made["tests"][:MOST_NAMED])
    more = len(made["tests"]) - MOST_NAMED
    names += f" and {more} more" if more > 0 else ""
    parts = [wrapped(f"{number}. {explain.title(made['rule'], made['sentence'])}"),
             wrapped(f"{counted(len(made['tests']), 'failure')}: {names}{cost}", "   "),
             *(wrapped(": ".join(pair), "   ") for pair in made["rules"][:1]),
             indented(example(made), "   "), others(made["rules"][1:], whole)]
    return "\n".join(part for part in parts if part)


def others(rest, whole):
    """The rules that decide the call of an example as well, "" for none."""
    if not rest:
        return ""
    head = "Other rules that decide this call:"
    if not whole:
        return wrapped(f"{head} {', '.join(number for number, _ in rest)}", "   ")
    return "\n".join(["   " + head, *(wrapped(": ".join(pair), "     ") for pair in rest)])


def example(made):
    """The example of a record: what was expected and found there, and the heap."""
    if not made["where"]:
        return ""
    parts = [f"For example {made['example']}, {made['where']}:"]
    if made["expected"]:
        parts.append(indented(explain.beside(made["expected"], made["found"]), "  "))
    else:
        parts += [wrapped(line, "  ") for line in made["found"]]
    return "\n".join([*parts, made["picture"]]) if made["picture"] else "\n".join(parts)


def wrapped(paragraph, indent=""):
    """A paragraph whose lines fit the screen, all but the first one further in."""
    return textwrap.fill(paragraph, COLUMNS, initial_indent=indent, break_on_hyphens=False,
                         subsequent_indent=indent + "   ")
