# SPDX-License-Identifier: BSD-3-Clause
"""What a submission's failures are explained with: their causes, and a text for each of them.

Causes can be looked for only when all tests have run; until then the outcomes are kept here.
"""

import concurrent.futures

import tree
from marks import about_trial, shadow_text
from result import FAILED, PARTIAL

tree.add_harness()
from harness import causes, causetext, explain, symptoms  # noqa: E402
from harness.report import printable  # noqa: E402

MOST_LONGER = 100       # events by which a trace that is kept may be longer than its reference


class Feedback:
    """The outcomes of one submission's tests, and what is said about those that failed."""

    def __init__(self, course):
        self.course = course
        self.programs = {}      # name -> Outcome of a program of the suite
        self.decisive = {}      # name -> Outcome of the program, sequence or twin that failed
        self.trials = {}        # name -> Trial of such a sequence or twin
        self.texts = {}         # name -> explanation of a failure whose outcome is not kept
        self.looks = {}         # name -> rerun.Seen of a program that ended early
        self.found = None       # causes.Found

    def add(self, name, outcome, trial=None):
        """Keep the Outcome of a program, or with its Trial that of a sequence or a twin. What went
        on far longer than its reference is explained at once: no cause predicts that."""
        if len(outcome.actual) > len(outcome.expected) + MOST_LONGER:
            self.texts[name] = text_of(outcome, trial)
            return
        if trial is None:
            self.programs[name] = outcome
        if not outcome.passed:
            self.decisive[name], self.trials[name] = outcome, trial

    def find(self, order, play, jobs):
        """Look for the causes; `order` is that of the tests. In a scheme by cause, a program counts
        as explained only if its twin, which play(Trial) runs, is explained as well."""
        programs = [self.programs[name] for name in order if name in self.programs]
        others = [self.decisive[name] for name in order if self.trials.get(name)
                  and self.trials[name].kind != "fault"]
        self.looks = symptoms.looks([outcome for outcome in programs
                                     if self.trials.get(outcome.test.name) is None], jobs)
        self.found = causes.find(programs, others, self.looks)
        refuted = []
        if self.course.scheme.by_cause:
            refuted = [name for name in self.found.by_program
                       if name in self.course.twins and self.trials[name] is None
                       and not self.found.predicts(play(self.course.twins[name]))]
        self.found = self.found.without(refuted)
        return len(refuted)

    def explain(self, verdicts, jobs):
        """Write what is said about each Verdict that is not a full success."""
        failed = [made for made in verdicts if made.status in (FAILED, PARTIAL)]
        passed = [outcome for outcome in self.programs.values() if outcome.passed]
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            for made, text in zip(failed, pool.map(lambda made: self.text(made, passed), failed)):
                made.output = text

    def text(self, made, passed):
        """The whole explanation of a failed test, "" if nothing is known of it."""
        outcome = self.decisive.get(made.name)
        text = self.texts.get(made.name, "") if outcome is None else \
            text_of(outcome, self.trials[made.name], passed, self.found,
                    self.looks.get(made.name))
        if text and made.share:
            text += "\nEach call was an allocator's, so that the test gives " \
                f"{made.share:.0%} of its points.\n"
        return text

    def records(self):
        """The causes for a Result."""
        return causetext.records(self.found)


def text_of(outcome, trial, passed=(), found=None, seen=None):
    """The explanation of one failure; `seen` is what a second run of a program showed."""
    if trial:
        text = about_trial(outcome, trial, passed, found)
    else:
        text = explain.explain(outcome, f"python3 tests/run_tests.py {outcome.test.name}",
                               passed, seen, found, brief=True)
    parts = [printable(text).rstrip("\n"), shadow_text(outcome)]
    return "\n\n".join(filter(None, parts)) + "\n"
