# SPDX-License-Identifier: BSD-3-Clause
"""What grading one submission gives: one object, which every writer reads, and its JSON form.

docs/grading.md describes the JSON document. SCHEMA changes when a member changes its meaning or
goes away; new members may come without that.
"""

import contextlib
import dataclasses
import json
import os
from fractions import Fraction

import tree

tree.add_harness()
from harness import causetext, entry  # noqa: E402
from harness.causes import costs as cause_costs, given_back, giving_back  # noqa: E402

SCHEMA = 1
TOTAL = 100
PASSED, PARTIAL, FAILED, SKIPPED = "passed", "partial", "failed", "skipped"
PROGRAM, CAUSE = "program", "cause"         # what the mark counts
GRADED, REFUSED, BROKEN = "graded", "refused", "broken"


@dataclasses.dataclass
class Verdict:
    """One test: a program of the suite, a random sequence, a refusal, or style.

    share   0 to 1: how much of its points it gives; points: what it can give, of TOTAL
    played  0 to 1: how far the program came before it had no memory (harness/grade.py)
    """

    name: str
    group: str
    status: str
    share: float
    points: float
    hidden: bool
    reason: str         # one sentence; "" if passed
    output: str = ""    # the whole explanation, plain text, with the picture of the heap
    rules: list = dataclasses.field(default_factory=list)
    seconds: float = 0.0
    played: float = 1.0

    @property
    def score(self):
        """Points that it gives."""
        return self.share * self.points


@dataclasses.dataclass
class Result:
    """One submission."""

    name: str
    status: str = GRADED        # 'refused': it cannot be graded as what it is; 'broken': we failed
    reason: str = ""            # why it was not graded
    tests: list = dataclasses.field(default_factory=list)
    style_note: str = ""        # why style was left out of the total, "" if it was not
    settings: dict = dataclasses.field(default_factory=dict)
    protection: list = dataclasses.field(default_factory=list)      # the sandbox's own report
    remarks: list = dataclasses.field(default_factory=list)
    causes: list = dataclasses.field(default_factory=list)  # harness/causetext.py's records
    marks_by: str = PROGRAM     # whether the mark counts failed programs or CAUSE
    cause_points: float = 0.0   # what one cause costs at most, of TOTAL
    log: str = ""               # what compiler and linker printed, bounded; "" for nothing
    digest: str = ""            # of the sources
    identity: str = ""          # of what was handed in (intake.identity())
    fingerprint: str = ""       # of the settings, the suite and the grader
    seconds: float = 0.0
    schema: int = SCHEMA

    @property
    def score(self):
        """Points of all tests together, of max_score, to a hundredth."""
        return round(sum(test.score for test in self.tests), 2)

    @property
    def max_score(self):
        """Points that were possible: TOTAL, less what style is worth when it was not measured."""
        return round(sum(test.points for test in self.tests), 2) or TOTAL

    @property
    def scaled(self):
        """The mark for readers whose maximum is always TOTAL: as a share of what was possible."""
        return round(self.mark * TOTAL / self.max_score, 2)

    @property
    def lost(self):
        """{name: points that a test lost}."""
        return {test.name: test.points - test.score for test in self.tests}

    @property
    def recoverable(self):
        """{name: points that a test gets back if its failure is explained}: what it lost, but for
        the part of the program that was never played."""
        return {test.name: self.lost[test.name] * test.played for test in self.tests}

    @property
    def score_by_cause(self):
        """The score if causes are counted: explained failures get their points back, as
        far as the program came, and each cause costs cause_points, at most what it gives back."""
        back = given_back(self.giving_back(self.causes), self.recoverable, self.cause_points)
        return round(sum(test.score for test in self.tests) + back, 2)

    def giving_back(self, causes):
        """Of each of some causes, the tests that give points back."""
        unproved = [cause["tests"] for cause in self.causes if not is_proved(cause)]
        return giving_back([cause["tests"] for cause in causes], unproved)

    def with_costs(self, causes):
        """[(cause, points that it costs where causes are counted)]."""
        costs = cause_costs(self.giving_back(causes), self.recoverable, self.cause_points)
        return [(cause, cost if is_proved(cause) else sum(map(self.lost.get, cause["tests"])))
                for cause, cost in zip(causes, costs)]

    @property
    def mark(self):
        """The score that counts: by program, or by cause."""
        return self.score_by_cause if self.marks_by == CAUSE else self.score

    def shown_causes(self):
        """The causes as students may see them: of hidden tests nothing."""
        hidden = {test.name for test in self.tests if test.hidden}
        shown = [{**cause, "tests": [name for name in cause["tests"] if name not in hidden]}
                 for cause in self.causes]
        return [without_example(cause) if cause["example"] in hidden else cause
                for cause in shown if cause["tests"]]

    def headline(self, causes):
        """How many of the failures some of the causes explain; those of hidden tests count if the
        causes name one."""
        explained = set().union(*(cause["tests"] for cause in causes))
        failed = [test for test in self.tests if test.group != "style"
                  and test.status in (PARTIAL, FAILED)
                  and (causes is self.causes or not test.hidden)]
        return causetext.headline(len(causes), len(explained), len(failed),
                                  causetext.noun_of(map(is_proved, causes)))

    def points(self, style):
        """(points given, points possible) of style, or of all the rest."""
        chosen = [test for test in self.tests if (test.group == "style") is style]
        return (round(sum(test.score for test in chosen), 2),
                round(sum(test.points for test in chosen), 2))

    def counts(self):
        """How many tests, style left out, have each status."""
        found = {status: 0 for status in (PASSED, PARTIAL, FAILED, SKIPPED)}
        for test in self.tests:
            if test.group != "style":
                found[test.status] += 1
        return found

    def note(self):
        """The story in a few words, for a table."""
        if self.status != GRADED:
            return f"{self.status}: {self.reason}"
        counts = [f"{count} {status}" for status, count in self.counts().items()
                  if count and status != PASSED]
        return "; ".join(filter(None, [", ".join(counts), self.style_note]))


def is_proved(cause):
    """Whether a cause gives points back; results of earlier versions have no others."""
    return cause.get("proved", True)


def without_example(cause):
    """A cause without the example that shows it."""
    return {**cause, "example": "", "rules": cause["rules"][:1], "where": "", "expected": [],
            "found": [], "picture": ""}


def number(value):
    """Points as people read them."""
    return f"{round(value, 2):g}"


def by_group(tests):
    """{group: its tests}, in order."""
    found = {}
    for test in tests:
        found.setdefault(test.group, []).append(test)
    return found


def share_out(tests, total, cause=0):
    """Give tests, (Verdict, weight) each, points in proportion to their weights that sum to
    `total`. Returns the points of one cause whose weight is `cause`."""
    whole = sum(Fraction(str(weight)) for _, weight in tests)

    def scaled(weight):
        return float(Fraction(str(weight)) * total / whole) if whole else 0.0

    for test, weight in tests:
        test.points = scaled(weight)
    return scaled(cause)


def document(result):
    """The JSON document of a result, as a dict."""
    made = dataclasses.asdict(result)
    for test, record in zip(result.tests, made["tests"]):
        record["score"] = round(test.score, 4)
        record["points"] = round(test.points, 4)
        record["played"] = round(test.played, 4)
    correctness, style = result.points(False), result.points(True)
    for record, (_, cost) in zip(made["causes"], result.with_costs(result.causes)):
        record["cost"] = round(cost, 4)
    made.update(score=result.score, score_by_cause=result.score_by_cause, mark=result.mark,
                max_score=result.max_score,
                correctness={"score": correctness[0], "max_score": correctness[1]},
                style={"score": style[0], "max_score": style[1]})
    return made


def from_document(made):
    """The Result that a JSON document tells of. ValueError if it is none of this schema."""
    if not isinstance(made, dict) or made.get("schema") != SCHEMA:
        raise ValueError(f"no result of schema {SCHEMA}")
    names = {field.name for field in dataclasses.fields(Verdict)}
    tests = [Verdict(**{key: value for key, value in test.items() if key in names})
             for test in made["tests"]]
    names = {field.name for field in dataclasses.fields(Result)} - {"tests"}
    return Result(tests=tests, **{key: value for key, value in made.items() if key in names})


def read(path):
    """The Result in a file, or None if there is none that can be used."""
    try:
        with open(path, encoding="utf-8") as file:
            return from_document(json.load(file))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_text(path, text):
    """Write a file in one step, so that nobody ever reads half of it."""
    part = f"{path}.{os.getpid()}"
    try:
        with open(part, "w", encoding="utf-8", errors="backslashreplace",
                  opener=entry.results_opener) as file:
            file.write(text)
        os.replace(part, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(part)
        raise
