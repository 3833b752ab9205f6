# SPDX-License-Identifier: BSD-3-Clause
"""Write results for other programs: --json and --junit.

The JSON document:

    {"version": str,                       of osmem
     "earned": int, "possible": int, "passed": int, "failed": int, "seconds": float,
     "earned_by_cause": int,               points if causes are counted (docs/grading.md)
     "causes": [{...}],                    causetext.records(), [] if nothing failed
     "tests": [{"name": str, "group": str, "points": int, "earned": int, "passed": bool,
                "reason": str,             one sentence, "" if passed
                "first_difference": null | {
                    "event": int,          number of the event, from 1
                    "call": str,           the reference's call ("" past its end)
                    "expected": [str],     lines of the reference's event, [] past its end
                    "actual": [str],       lines of the program's event, [] past its end; a long
                                           event is cut, with the number of lines left out
                    "rules": [str]},       numbers of the contract rules that decide this call
                "memory": [str],           findings of -m, [] without -m
                "seconds": float}]}        time that this program ran
"""

import json
import os
import re

from .. import points, version
from . import causetext
from ..build import HarnessError
from ..entry import results_opener
from .explain import rules_at_stake, unified
from .report import first_lines, printable

MOST_LINES = 100
NOT_XML = re.compile(r"[^\t\n\x20-\ud7ff\ue000-\ufffd]")


def check_writable(*paths):
    """HarnessError if a file cannot be written, checked before any test runs."""
    for path in filter(None, paths):
        folder = os.path.dirname(os.path.abspath(path))
        target = path if os.path.exists(path) else folder
        if os.path.isdir(path) or not os.access(target, os.W_OK):
            raise HarnessError(f"cannot write {path}; name a file in a writable directory")


def difference_record(outcome):
    """The member `first_difference` of one result, or None if nothing differs."""
    difference = outcome.difference
    if difference is None:
        return None
    return {
        "event": difference.event,
        "call": difference.call,
        "expected": list(difference.expected),
        "actual": first_lines(difference.actual, MOST_LINES),
        "rules": rules_at_stake(outcome),
    }


def test_record(outcome):
    """One member of `tests` in the JSON document."""
    return {
        "name": outcome.test.name,
        "group": outcome.test.group,
        "points": outcome.test.points,
        "earned": outcome.earned,
        "passed": outcome.passed,
        "reason": printable(outcome.reason),
        "first_difference": difference_record(outcome),
        "memory": [printable(note) for note in outcome.memory],
        "seconds": round(outcome.seconds, 4),
    }


def write_json(path, outcomes, seconds, found, most):
    """Write the JSON document that this module's docstring describes.

    `found`: causes.Found or None; `most`: what one cause costs at most.
    """
    passed = sum(outcome.passed for outcome in outcomes)
    earned, possible = points.earned_and_possible(outcomes)
    document = {
        "version": version.number(),
        "earned": earned,
        "possible": possible,
        "passed": passed,
        "failed": len(outcomes) - passed,
        "seconds": round(seconds, 3),
        "earned_by_cause": points.earned_by_cause(found, outcomes, most),
        "causes": causetext.records(found) if found else [],
        "tests": [test_record(outcome) for outcome in outcomes],
    }
    write_text(path, json.dumps(document, indent=2) + "\n")


def write_junit(path, outcomes, seconds):
    """Write JUnit XML: a <testcase> for each test, with a <failure> that holds reason and diff."""
    failures = sum(not outcome.clean for outcome in outcomes)
    cases = "".join(junit_case(outcome) for outcome in outcomes)
    head = f'name="osmem" tests="{len(outcomes)}" failures="{failures}" errors="0"'
    write_text(path, '<?xml version="1.0" encoding="UTF-8"?>\n'
               f'<testsuite {head} time="{seconds:.3f}">\n{cases}</testsuite>\n')


def junit_case(outcome):
    """The <testcase> element of one result."""
    test = outcome.test
    attributes = (f'classname="{xml_text(test.group)}" name="{xml_text(test.name)}" '
                  f'time="{outcome.seconds:.4f}"')
    reasons = ([] if outcome.passed else [outcome.reason]) + outcome.memory
    if not reasons:
        return f"  <testcase {attributes}/>\n"
    body = unified(outcome)
    return (f"  <testcase {attributes}>\n"
            f'    <failure message="{xml_text(reasons[0])}">{xml_text(body)}</failure>\n'
            f"    <system-err>{xml_text(printable(outcome.run.stderr))}</system-err>\n"
            "  </testcase>\n")


def xml_text(text):
    """`text` for an XML attribute or element: escaped, without characters that XML forbids."""
    text = NOT_XML.sub("?", printable(text))
    for plain, escaped in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        text = text.replace(plain, escaped)
    return text


def write_text(path, text):
    """Write `text` to `path`; HarnessError with the cause if that fails."""
    try:
        with open(path, "w", encoding="utf-8", opener=results_opener) as out:
            out.write(text)
    except OSError as error:
        raise HarnessError(f"cannot write {path}: {error.strerror}; "
                           "name a writable file") from error
