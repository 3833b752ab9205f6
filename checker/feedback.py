# SPDX-License-Identifier: BSD-3-Clause
"""Explain a submission's failures: find their causes and write a text for each failure.

The search for causes needs the outcomes of all tests, so they are collected here first.
"""

import concurrent.futures

from tests.harness import entry
from tests.harness.feedback import causes, causetext, explain, symptoms
from tests.harness.build import HarnessError
from tests.harness.feedback.report import printable
from .course import CannotGrade
from .marks import about_sequence, shadow_text
from .result import FAILED, PARTIAL, SKIPPED

MOST_LONGER = 100       # events that a collected trace may have beyond its reference


class Feedback:
    """The outcomes of one submission's tests, and the explanations of those that failed."""

    def __init__(self, course):
        self.course = course
        self.programs = {}      # name -> Outcome of a program of the suite
        self.decisive = {}      # name -> Outcome that failed: of program, sequence or variant
        self.sequences = {}     # name -> GeneratedTest, None for a program
        self.texts = {}         # name -> explanation of a failure whose Outcome is not collected
        self.looks = {}         # name -> rerun.Seen of a program that ended early
        self.found = None       # causes.Found
        self.stumbles = []      # type and place of each exception raised while explaining

    def add(self, name, outcome, sequence=None):
        """Collect the Outcome of a program or, with its GeneratedTest, that of a sequence or
        perturbed variant. A trace far longer than its reference is explained at once and not
        collected: no cause predicts it."""
        if len(outcome.actual) > len(outcome.expected) + MOST_LONGER:
            self.texts[name] = self.text_of(outcome, sequence)
            return
        if sequence is None:
            self.programs[name] = outcome
        if not outcome.passed:
            self.decisive[name], self.sequences[name] = outcome, sequence

    def find(self, verdicts, play, jobs):
        """Find the causes of the failures among these Verdicts, which are in the order of the
        tests. In a scheme by cause, a program counts as explained only if its perturbed variant,
        which play(GeneratedTest) runs, is explained as well. Returns the number of programs that do
        not count as explained for this reason."""
        order = [made.name for made in verdicts if made.status != SKIPPED]
        programs = [self.programs[name] for name in order if name in self.programs]
        others = [self.decisive[name] for name in order if self.sequences.get(name)
                  and self.sequences[name].kind != "fault"]
        self.look(programs, {made.name for made in verdicts if made.hidden}, jobs)
        shown = {made.name: self.looks[made.name] for made in verdicts
                 if made.name in self.looks and not made.hidden}
        self.found = self.attempt(lambda: causes.find(programs, others, shown),
                                  lambda: causes.Found([], {}, {}, 0), decides=True)
        refuted = []
        if self.course.scheme.by_cause:
            refuted = [name for name in self.found.by_program
                       if name in self.course.variants and self.sequences[name] is None
                       and not self.found.predicts(play(self.course.variants[name]))]
        self.found = self.found.without(refuted)
        return len(refuted)

    def look(self, programs, hidden, jobs):
        """Run programs that ended early a second time. Hidden programs run in a batch of their own,
        so that what students read does not depend on them."""
        ended = [outcome for outcome in programs if self.sequences.get(outcome.test.name) is None]
        for apart in (False, True):
            chosen = [outcome for outcome in ended if (outcome.test.name in hidden) is apart]
            self.looks.update(self.attempt(lambda: symptoms.looks(chosen, jobs), dict))

    def explain(self, verdicts, jobs):
        """Write the explanation into each Verdict that failed or earned only part of its points."""
        failed = [made for made in verdicts if made.status in (FAILED, PARTIAL)]
        passed = [self.programs[made.name] for made in verdicts
                  if made.name in self.programs and self.programs[made.name].passed
                  and made.status != SKIPPED]
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            for made, text in zip(failed, pool.map(lambda made: self.text(made, passed), failed)):
                made.output = text

    def text(self, made, passed):
        """The whole explanation of a failed test, "" if there is none."""
        outcome = self.decisive.get(made.name)
        text = self.texts.get(made.name, "") if outcome is None else \
            self.text_of(outcome, self.sequences[made.name], passed, self.looks.get(made.name))
        if text and made.share:
            text += "\nEvery call behaved like an allocator's, so the test earns " \
                f"{made.share:.0%} of its points.\n"
        return text

    def text_of(self, outcome, sequence, passed=(), seen=None):
        """The function text_of(); if that raises, only the comparison of the traces."""
        return self.attempt(
            lambda: text_of(outcome, sequence, passed, self.found, seen),
            lambda: self.attempt(lambda: printable(explain.comparison(outcome)), str))

    def records(self):
        """The causes for a Result."""
        return self.attempt(lambda: causetext.records(self.found), list, decides=True)

    def attempt(self, make, plain, decides=False):
        """Return make(), or plain() if it raises, so that the submission is still graded. The
        exception propagates if make() `decides` a mark by cause or if the machine caused it."""
        try:
            return make()
        except Exception as error:
            if decides and self.course.scheme.by_cause or is_of_machine(error):
                raise
            # Not its message, which may quote a hidden program.
            self.stumbles.append(f"{type(error).__name__} in {entry.place_of(error)}")
            return plain()

    def remarks(self):
        """The remark on explanations that could not be written, as a list."""
        if not self.stumbles:
            return []
        return ["The grader failed to explain a test and only compares its traces: "
                f"{min(self.stumbles)}. No mark depends on it; please report this line."]


def is_of_machine(error):
    """Whether an exception means that this machine cannot go on, whatever the submission is."""
    return isinstance(error, (CannotGrade, HarnessError, MemoryError)) or \
        isinstance(error, OSError) and error.errno in entry.REMEDIES


def text_of(outcome, sequence, passed=(), found=None, seen=None):
    """The explanation of one failure; `seen`: the rerun.Seen of a program's second run."""
    if sequence:
        text = about_sequence(outcome, sequence, passed, found)
    else:
        text = explain.explain(outcome, f"python3 tests/run_tests.py {outcome.test.name}",
                               passed, seen, found, brief=True)
    parts = [printable(text).rstrip("\n"), shadow_text(outcome)]
    return "\n\n".join(filter(None, parts)) + "\n"
