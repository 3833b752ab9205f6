# SPDX-License-Identifier: BSD-3-Clause
"""The causes of a suite's failures in words: as records for JSON, and as the text made of them."""

import textwrap

from . import causes, explain, rules
from .report import first_lines, indented, printable

MOST_NAMED = 5          # failures that the text names for one cause
MOST_LINES = 12         # lines of an event
COLUMNS = 96


def counted(number, noun):
    """`1 failure`, `2 failures`."""
    return f"{number} {noun}" + ("" if number == 1 else "s")


def headline(count, explained, failed):
    """How many causes explain how many of the failures, in a line; "" if nothing failed."""
    if not failed:
        return ""
    if not count:
        return ("No known mistake explains the failure." if failed == 1 else
                f"No known mistake explains any of the {failed} failures.")
    return f"{counted(count, 'mistake')} {'explains' if count == 1 else 'explain'} {explained} " \
        f"of {counted(failed, 'failure')}."


def records(found):
    """The causes of a causes.Found as objects for JSON:

    rule             number of the contract's rule; mistake  a name for the mistake
    sentence         what the library does, without a full stop
    tests            names of the failures that it has a part in; example  one of them
    where            the call of the example to look at
    rules            [number, sentences] of each rule that decides this call, the broken one first
    expected, found  lines of that call in the reference and of the program; if the program's own
                     check failed: none, and what it said
    picture          the heap before and after it: the contract's, and the library's if it differs
    """
    return [record(cause) for cause in found.causes]


def record(cause):
    """One member of records()."""
    outcome = cause.example
    made = {"rule": cause.rule, "mistake": cause.mistake, "sentence": cause.sentence,
            "tests": list(cause.programs), "example": outcome.test.name, "where": "",
            "rules": [[cause.rule, rules.text(cause.rule)]], "expected": [], "found": [],
            "picture": ""}
    difference = outcome.difference
    if difference is None:
        return made
    texts = explain.rule_texts(outcome, [(cause.rule, cause.sentence)])
    made["rules"] = [list(pair) for pair in texts]
    focus = explain.focus_index(difference)
    if outcome.stopped_itself:
        made["found"] = [printable(outcome.reason)]
    else:
        made["expected"] = list(difference.expected)
        made["found"] = first_lines(difference.actual, MOST_LINES)
    made["where"] = f"event {focus + 1}, {outcome.expected[focus][0]}"
    if explain.step_at(outcome.expected, focus):
        made["picture"] = explain.pictures(outcome, focus)
    return made


def earned_by_cause(found, outcomes, most):
    """Points that Outcomes give together if causes count: `most` points a cause at most."""
    earned = sum(outcome.earned for outcome in outcomes)
    if not found:
        return earned
    lost = {outcome.test.name: outcome.test.points - outcome.earned for outcome in outcomes}
    return earned + causes.given_back([cause.programs for cause in found.causes], lost, most)


def text(found):
    """All that explains a suite's failures as plain text, "" if nothing failed."""
    head = headline(len(found.causes), len(found.by_program), found.failed)
    return "\n\n".join([head, *(one(number, made) for number, made in
                                enumerate(records(found), 1))])


def one(number, made, cost=""):
    """One record as text; `cost` says what the cause costs, "" for nothing."""
    names = ", ".join(made["tests"][:MOST_NAMED])
    more = len(made["tests"]) - MOST_NAMED
    names += f" and {more} more" if more > 0 else ""
    parts = [wrapped(f"{number}. {made['rule']}: {made['sentence']}"),
             wrapped(f"{counted(len(made['tests']), 'failure')}: {names}{cost}", "   "),
             *(wrapped(": ".join(pair), "   ") for pair in made["rules"]),
             indented(example(made), "   ")]
    return "\n".join(part for part in parts if part)


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
