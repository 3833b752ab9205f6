# SPDX-License-Identifier: BSD-3-Clause
"""The result of grading one submission, which every writer reads, and its JSON document.

docs/grading.md describes the document. SCHEMA changes when a member is removed or changes its
meaning, not when a member is added.
"""

import contextlib
import dataclasses
import json
import os

from tests.harness import entry, points
from tests.harness.feedback import causetext
from tests.harness.version import number

SCHEMA = 1
TOTAL = 100
PASSED, PARTIAL, FAILED, SKIPPED = "passed", "partial", "failed", "skipped"
PROGRAM, CAUSE = "program", "cause"         # what the mark counts: failed programs or causes
GRADED, REFUSED, BROKEN = "graded", "refused", "broken"


@dataclasses.dataclass
class Verdict:
    """The outcome of one test: a program of the suite, a random sequence, a refusal, or style.

    share   0 to 1: the share of its points that it earns
    points  the points that it can earn, of TOTAL
    played  0 to 1: how far the program came before it got NULL for memory (harness/compare.py)
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
        """The points that the test earns."""
        return self.share * self.points


@dataclasses.dataclass
class Result:
    """The result of one submission."""

    name: str
    status: str = GRADED        # REFUSED: it cannot be graded; BROKEN: the grader failed
    reason: str = ""            # why it was not graded
    tests: list = dataclasses.field(default_factory=list)
    style_note: str = ""        # why style was left out of the total, "" if it was not
    settings: dict = dataclasses.field(default_factory=dict)
    protection: list = dataclasses.field(default_factory=list)      # the sandbox's report
    remarks: list = dataclasses.field(default_factory=list)
    causes: list = dataclasses.field(default_factory=list)  # harness/causetext.py's records
    marks_by: str = PROGRAM     # PROGRAM or CAUSE
    cause_points: float = 0.0   # the most points, of TOTAL, that one cause costs
    log: str = ""               # output of compiler and linker, bounded; "" for none
    digest: str = ""            # hash of the sources
    identity: str = ""          # hash of everything that was handed in (intake.identity())
    fingerprint: str = ""       # hash of the settings, the suite and the grader
    seconds: float = 0.0
    version: str = dataclasses.field(default_factory=number)    # of osmem
    schema: int = SCHEMA

    @property
    def score(self):
        """The points of all tests, out of max_score, rounded to a hundredth."""
        return points.sums(self.tests)[0]

    @property
    def max_score(self):
        """The possible points: TOTAL, minus those of style if style was not measured."""
        return points.sums(self.tests)[1] or TOTAL

    @property
    def scaled(self):
        """The mark for systems whose maximum is always TOTAL: scaled from max_score to TOTAL."""
        return points.scaled(self.mark, self.max_score, TOTAL)

    @property
    def lost(self):
        """{name: points that a test lost}."""
        return {test.name: test.points - test.score for test in self.tests}

    @property
    def recoverable(self):
        """{name: points that a test gets back if its failure is explained}."""
        return {test.name: points.recoverable(test.points, test.score, test.played)
                for test in self.tests}

    @property
    def score_by_cause(self):
        """The score by cause: explained failures get their recoverable points back; each cause
        costs cause_points, but never more than the points that it returns."""
        back = points.given_back(self.giving_back(self.causes), self.recoverable,
                                 self.cause_points)
        return points.rounded(sum(test.score for test in self.tests) + back)

    def giving_back(self, causes):
        """For each of the causes, the tests that get points back."""
        unproved = [cause["tests"] for cause in self.causes if not is_proved(cause)]
        return points.giving_back([cause["tests"] for cause in causes], unproved)

    def with_costs(self, causes):
        """[(cause, the points that it costs in score_by_cause)]."""
        costs = points.costs(self.giving_back(causes), self.recoverable, self.cause_points)
        return [(cause, cost if is_proved(cause) else sum(map(self.lost.get, cause["tests"])))
                for cause, cost in zip(causes, costs)]

    @property
    def mark(self):
        """The score that counts: by program, or by cause."""
        return self.score_by_cause if self.marks_by == CAUSE else self.score

    def shown_causes(self):
        """The causes as students may see them: without hidden tests."""
        hidden = {test.name for test in self.tests if test.hidden}
        shown = [{**cause, "tests": [name for name in cause["tests"] if name not in hidden]}
                 for cause in self.causes]
        return [without_example(cause) if cause["example"] in hidden else cause
                for cause in shown if cause["tests"]]

    def headline(self, causes):
        """A sentence: how many of the failures these causes explain. Failures of hidden tests count
        only if `causes` are all causes."""
        explained = set().union(*(cause["tests"] for cause in causes))
        failed = [test for test in self.tests if test.group != "style"
                  and test.status in (PARTIAL, FAILED)
                  and (causes is self.causes or not test.hidden)]
        return causetext.headline(len(causes), len(explained), len(failed),
                                  causetext.noun_of(map(is_proved, causes)))

    def sums(self, style):
        """(points earned, points possible) of style, or of all other tests if `style` is False."""
        return points.sums([test for test in self.tests if (test.group == "style") is style])

    def counts(self):
        """{status: number of tests with it}, without style."""
        found = {status: 0 for status in (PASSED, PARTIAL, FAILED, SKIPPED)}
        for test in self.tests:
            if test.group != "style":
                found[test.status] += 1
        return found

    def note(self):
        """A short summary for a table."""
        if self.status != GRADED:
            return f"{self.status}: {self.reason}"
        counts = [f"{count} {status}" for status, count in self.counts().items()
                  if count and status != PASSED]
        return "; ".join(filter(None, [", ".join(counts), self.style_note]))


def is_proved(cause):
    """Whether a cause gives points back. In results of earlier versions, every cause does."""
    return cause.get("proved", True)


def without_example(cause):
    """A copy of a cause without its example."""
    return {**cause, "example": "", "rules": cause["rules"][:1], "where": "", "expected": [],
            "found": [], "picture": ""}


def by_group(tests):
    """{group: its tests}, in the order of the tests."""
    found = {}
    for test in tests:
        found.setdefault(test.group, []).append(test)
    return found


def share_out(tests, total, cause=0):
    """Set the points of tests, (Verdict, weight) each, in proportion to their weights, so that they
    sum to `total`. Returns the points of one cause, whose weight is `cause`."""
    points_of = points.proportional([weight for _, weight in tests], total)
    for test, weight in tests:
        test.points = points_of(weight)
    return points_of(cause)


def document(result):
    """The JSON document of a result, as a dict."""
    made = dataclasses.asdict(result)
    for test, record in zip(result.tests, made["tests"]):
        record["score"] = points.exact(test.score)
        record["points"] = points.exact(test.points)
        record["played"] = points.exact(test.played)
    correctness, style = result.sums(False), result.sums(True)
    for record, (_, cost) in zip(made["causes"], result.with_costs(result.causes)):
        record["cost"] = points.exact(cost)
    made.update(score=result.score, score_by_cause=result.score_by_cause, mark=result.mark,
                max_score=result.max_score,
                correctness={"score": correctness[0], "max_score": correctness[1]},
                style={"score": style[0], "max_score": style[1]})
    return made


def from_document(made):
    """The Result in a JSON document. ValueError if the document has another schema."""
    if not isinstance(made, dict) or made.get("schema") != SCHEMA:
        raise ValueError(f"no result of schema {SCHEMA}")
    names = {field.name for field in dataclasses.fields(Verdict)}
    tests = [Verdict(**{key: value for key, value in test.items() if key in names})
             for test in made["tests"]]
    names = {field.name for field in dataclasses.fields(Result)} - {"tests"}
    known = {"version": "", **{key: value for key, value in made.items() if key in names}}
    return Result(tests=tests, **known)


def read(path):
    """The Result in a file, or None if the file holds no usable one."""
    try:
        with open(path, encoding="utf-8") as file:
            return from_document(json.load(file))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_text(path, text):
    """Write a file atomically: readers see the old content or the new one."""
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
