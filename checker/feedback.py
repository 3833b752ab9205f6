# SPDX-License-Identifier: BSD-3-Clause
"""What a submission's failures are explained with: their causes, and a text for each of them.

Causes can be looked for only when all tests have run; until then the outcomes are kept here.
"""

import concurrent.futures

import tree
from course import CannotGrade
from marks import about_trial, shadow_text
from result import FAILED, PARTIAL, SKIPPED

tree.add_harness()
from harness import causes, causetext, entry, explain, symptoms  # noqa: E402
from harness.build import HarnessError  # noqa: E402
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
        self.stumbles = []      # what was raised in place of an explanation, and where

    def add(self, name, outcome, trial=None):
        """Keep the Outcome of a program, or with its Trial that of a sequence or a twin. What went
        on far longer than its reference is explained at once: no cause predicts that."""
        if len(outcome.actual) > len(outcome.expected) + MOST_LONGER:
            self.texts[name] = self.text_of(outcome, trial)
            return
        if trial is None:
            self.programs[name] = outcome
        if not outcome.passed:
            self.decisive[name], self.trials[name] = outcome, trial

    def find(self, verdicts, play, jobs):
        """Look for the causes of what these Verdicts, in the order of the tests, say. In a scheme
        by cause, a program counts as explained only if its twin, which play(Trial) runs, is
        explained as well. Returns how many are not for this reason."""
        order = [made.name for made in verdicts if made.status != SKIPPED]
        programs = [self.programs[name] for name in order if name in self.programs]
        others = [self.decisive[name] for name in order if self.trials.get(name)
                  and self.trials[name].kind != "fault"]
        self.look(programs, {made.name for made in verdicts if made.hidden}, jobs)
        shown = {made.name: self.looks[made.name] for made in verdicts
                 if made.name in self.looks and not made.hidden}
        self.found = self.attempt(lambda: causes.find(programs, others, shown),
                                  lambda: causes.Found([], {}, {}, 0), decides=True)
        refuted = []
        if self.course.scheme.by_cause:
            refuted = [name for name in self.found.by_program
                       if name in self.course.twins and self.trials[name] is None
                       and not self.found.predicts(play(self.course.twins[name]))]
        self.found = self.found.without(refuted)
        return len(refuted)

    def look(self, programs, hidden, jobs):
        """Run the Outcomes of programs that ended early once more. The hidden ones are apart: what
        students are told does not depend on them."""
        ended = [outcome for outcome in programs if self.trials.get(outcome.test.name) is None]
        for apart in (False, True):
            chosen = [outcome for outcome in ended if (outcome.test.name in hidden) is apart]
            self.looks.update(self.attempt(lambda: symptoms.looks(chosen, jobs), dict))

    def explain(self, verdicts, jobs):
        """Write what is said about each Verdict that is not a full success."""
        failed = [made for made in verdicts if made.status in (FAILED, PARTIAL)]
        passed = [self.programs[made.name] for made in verdicts
                  if made.name in self.programs and self.programs[made.name].passed
                  and made.status != SKIPPED]
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            for made, text in zip(failed, pool.map(lambda made: self.text(made, passed), failed)):
                made.output = text

    def text(self, made, passed):
        """The whole explanation of a failed test, "" if nothing is known of it."""
        outcome = self.decisive.get(made.name)
        text = self.texts.get(made.name, "") if outcome is None else \
            self.text_of(outcome, self.trials[made.name], passed, self.looks.get(made.name))
        if text and made.share:
            text += "\nEach call was an allocator's, so that the test gives " \
                f"{made.share:.0%} of its points.\n"
        return text

    def text_of(self, outcome, trial, passed=(), seen=None):
        """The explanation of one failure, as text_of()."""
        return self.attempt(
            lambda: text_of(outcome, trial, passed, self.found, seen),
            lambda: self.attempt(lambda: printable(explain.comparison(outcome)), str))

    def records(self):
        """The causes for a Result."""
        return self.attempt(lambda: causetext.records(self.found), list, decides=True)

    def attempt(self, make, plain, decides=False):
        """make(); where the grader stumbles over what a submission did, plain(), so that it is
        graded all the same. Not if make() `decides` a mark, and not if the machine is to blame."""
        try:
            return make()
        except Exception as error:
            if decides and self.course.scheme.by_cause or is_of_machine(error):
                raise
            # No more of it: its text may be a hidden program's.
            self.stumbles.append(f"{type(error).__name__} in {entry.place_of(error)}")
            return plain()

    def remarks(self):
        """What is to be known of explanations that could not be made."""
        if not self.stumbles:
            return []
        return ["The grader stumbled over an explanation, and compares only: "
                f"{min(self.stumbles)}. No mark depends on it; please report this line."]


def is_of_machine(error):
    """Whether an exception says that this machine cannot go on, whatever the submission is."""
    return isinstance(error, (CannotGrade, HarnessError, MemoryError)) or \
        isinstance(error, OSError) and error.errno in entry.REMEDIES


def text_of(outcome, trial, passed=(), found=None, seen=None):
    """The explanation of one failure; `seen` is what a second run of a program showed."""
    if trial:
        text = about_trial(outcome, trial, passed, found)
    else:
        text = explain.explain(outcome, f"python3 tests/run_tests.py {outcome.test.name}",
                               passed, seen, found, brief=True)
    parts = [printable(text).rstrip("\n"), shadow_text(outcome)]
    return "\n\n".join(filter(None, parts)) + "\n"
