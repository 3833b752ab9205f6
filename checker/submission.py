# SPDX-License-Identifier: BSD-3-Clause
"""Grade one submission: build it by the grader's rules, trace it, lint it, all in the sandbox."""

import concurrent.futures
import contextlib
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from tests.harness import build, compare, points, suite
from tests.harness.generated import generated
from tests.harness.build import HarnessError
from tests.harness.feedback.report import one_line, printable
from . import intake, lint, style
from .course import CannotGrade
from .feedback import Feedback
from .marks import hung, rules_of, share_of, status_of
from .result import (CAUSE, FAILED, PARTIAL, PASSED, PROGRAM, REFUSED, SKIPPED, TOTAL, Result,
                     Verdict, share_out)
from .workspace import TRAMPOLINE, Workspace

RUN_SECONDS = 20.0              # wall time of one program; the processor time has its own limit
TRACE_MOST = 256 << 10          # bytes of one program's trace; the suite's traces need a tenth
TRACE_FACTOR = 20               # or this many times the length of its reference, if that is more
MOST_HUNG = 8                   # programs that may hang before the others are skipped
FINDINGS_SHOWN = 20             # of each kind
SOURCES_SHOWN = 5
NESTED = ("{place}: the address of a nested function is taken. gcc calls it through code on the "
          "stack, which cannot be executed here, so the call crashes. Move it to the top level.")
STYLE_LEFT_OUT = "style left out: --no-style"


class Grading:
    """Runs the tests of the submission that was built in `workspace`, `jobs` at a time."""

    def __init__(self, course, workspace, jobs):
        self.course = course
        self.workspace = workspace
        self.jobs = jobs
        self.hung = {}          # index of a test in the plan -> whether it hung
        self.sequences = {sequence.name: sequence for sequence in (*course.seeds, *course.faults)}
        self.by_name = {test.name: test for test in course.tests}
        self.feedback = Feedback(course)

    def run_tests(self):
        """Run all tests except style: [(Verdict, weight)] in the order of the plan."""
        plan = self.course.planned()
        results = {}
        with concurrent.futures.ThreadPoolExecutor(self.jobs) as pool:
            while len(results) < len(plan):
                ready = [number for number, entry in enumerate(plan) if entry[0] not in results
                         and all(need in results for need in entry[2])]
                if not ready:
                    raise CannotGrade("the needs of some tests form a cycle; fix suite.json")
                jobs = {number: pool.submit(self.one, number, plan[number], results)
                        for number in ready}
                for number, job in jobs.items():
                    results[plan[number][0]] = self.in_time(number, plan[number], job.result())
        return [(results[entry[0]], entry[4]) for entry in plan]

    def one(self, number, entry, results):
        """Run one test; the results of its prerequisites are known."""
        name, group, needs, hidden, _ = entry
        lacking = next((need for need in needs if results[need].share == 0), None)
        if lacking:
            return Verdict(name, group, SKIPPED, 0.0, 0.0, hidden,
                           f"not run: it needs {lacking}, which failed")
        if sum(hung for other, hung in list(self.hung.items()) if other < number) >= MOST_HUNG:
            return self.left_out(entry)
        begin = time.monotonic()
        try:
            outcome, share = self.judged(name)
        except HarnessError as reason:
            return self.untraceable(entry, reason)
        self.hung[number] = hung(outcome.run)
        made = Verdict(name, group, status_of(share), share, 0.0, hidden, outcome.reason,
                       rules=rules_of(outcome, group), played=outcome.played)
        self.feedback.add(name, outcome, self.sequences.get(name))
        if share == 1 and name in self.course.variants:
            self.try_variant(made, name)
        made.seconds = round(time.monotonic() - begin, 3)
        return made

    def untraceable(self, entry, reason):
        """The Verdict of a test that the tracer could not trace. CannotGrade if this repository's
        library cannot be traced either, so that the submission is not the cause."""
        test = self.course.tests[0]
        try:
            control = compare.run(test, self.course.references[test.name],
                                  self.course.programs[test.name], build.SOURCES, RUN_SECONDS,
                                  box=self.workspace.box)
        except HarnessError:
            control = None
        if control is None or not control.passed:
            raise CannotGrade(str(reason))
        return Verdict(entry[0], entry[1], FAILED, 0.0, 0.0, entry[3],
                       f"the tracer failed on this library: {str(reason).split(';')[0]}")

    def in_time(self, number, entry, made):
        """The Verdict `made`, or left_out() if MOST_HUNG tests before it in the plan hung, even if
        this one ran: the mark must not depend on which tests happen to run at the same time."""
        before = sum(hung for other, hung in self.hung.items() if other < number)
        return self.left_out(entry) if before >= MOST_HUNG and made.status != SKIPPED else made

    @staticmethod
    def left_out(entry):
        """The Verdict of a test that is skipped because too many hung."""
        return Verdict(entry[0], entry[1], SKIPPED, 0.0, 0.0, entry[3],
                       f"not run: {MOST_HUNG} programs before it hung")

    def judged(self, name):
        """Run a program or a sequence: (Outcome, share of its points)."""
        sequence = self.sequences.get(name)
        if sequence:
            outcome = self.play(sequence)
        else:
            test = self.by_name[name]
            outcome = compare.run(test, self.course.references[name], self.course.programs[name],
                                  self.workspace.library, RUN_SECONDS, self.workspace.place / "src",
                                  box=self.workspace.box,
                                  trace_most=trace_most(self.course.references[name]))
        return outcome, share_of(outcome, self.course.scheme.partial)

    def play(self, sequence):
        """Run a sequence; its Outcome."""
        test = suite.Test(sequence.name, generated.PLAYER, generated.PLAYER, 0, sequence.kind)
        return compare.run(test, sequence.events, self.course.player, self.workspace.library,
                           RUN_SECONDS, box=self.workspace.box,
                           trace_most=trace_most(sequence.events),
                           stdin=sequence.text.encode())

    def try_variant(self, made, name):
        """Run the perturbed variant of a program that passed, and change its Verdict `made` if the
        variant fails: a program earns its points only if both pass."""
        try:
            outcome = self.play(self.course.variants[name])
        except HarnessError as reason:
            raise CannotGrade(str(reason)) from None
        made.share = share_of(outcome, self.course.scheme.partial)
        if made.share == 1:
            return
        made.status = status_of(made.share)
        made.rules = rules_of(outcome, "variant")
        made.reason = "the same calls with other sizes: " + outcome.reason
        self.feedback.add(name, outcome, self.course.variants[name])

    def judge_style(self, correctness):
        """(Verdict of style, why style was not measured or "")."""
        made = Verdict("style", "style", PASSED, 1.0, 0.0, False, "")
        try:
            own = style.once_a_line(finding for finding in self.workspace.findings()
                                    if self.workspace.is_own(finding))
        except lint.TooMuch as reason:
            made.status, made.share = FAILED, 0.0
            made.reason = f"{reason} on these sources, so style earns no points"
            return made, ""
        except lint.NotMeasured as reason:
            made.status, made.share, made.reason = SKIPPED, 0.0, f"not measured: {reason}"
            return made, f"style not measured: {reason}"
        left = style.points(own)
        earned = points.style_earned(left, correctness)
        made.share = earned / style.POINTS
        made.status = PASSED if made.share == 1 else PARTIAL if made.share else FAILED
        lines = style_lines(own)
        if earned < left:
            lines.append(f"-{left - earned:.4g} no more than the correctness points")
        made.output = printable("\n".join(lines))
        made.reason = f"{earned:.4g} of {style.POINTS}" if made.share < 1 else ""
        return made, ""


def trace_most(expected):
    """The limit, in bytes, of the trace of a program with these reference events."""
    return max(TRACE_MOST, TRACE_FACTOR * sum(len(line) for event in expected for line in event))


def control(course, box, jobs):
    """Build and trace this repository's library like a submission. CannotGrade if it loses points,
    since no mark would mean anything then. Done once for each suite, tracer, set of resource limits
    and boot of the machine."""
    done = build.BUILD / f"control-{course.control_name(box)}"
    if done.exists():
        return
    with tempfile.TemporaryDirectory(prefix="osmem-work-") as place:
        fault = control_fault(course, Workspace(box, place, course.settings.build_seconds), jobs)
    if fault:
        raise CannotGrade(f"cannot grade on this machine: this repository's own library "
                          f"{fault}; python3 tests/run_tests.py --doctor says what is wrong")
    with contextlib.suppress(OSError):
        done.touch()


def control_fault(course, workspace, jobs):
    """What goes wrong when this repository's library is graded; "" if nothing does."""
    try:
        taken = intake.take(build.SOURCES)
        workspace.prepare(taken)
        workspace.build(taken)
    except intake.Refused as reason:
        return f"is refused: {reason}"
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        runs = [pool.submit(compare.run, test, course.references[test.name],
                            course.programs[test.name], workspace.library, RUN_SECONDS,
                            box=workspace.box)
                for test in course.tests]
    outcomes = [job.result() for job in runs]
    return next((f"fails {outcome.test.name}: {outcome.reason}" for outcome in outcomes
                 if not outcome.passed), "")


def blank(name, course, box):
    """The Result of a submission before anything about it is known."""
    return Result(name, settings=asdict(course.settings), protection=box.report(),
                  marks_by=CAUSE if course.scheme.by_cause else PROGRAM)


def grade_submission(path, name, course, box, jobs=1):
    """The Result of one submission. CannotGrade or HarnessError if the grader or the harness
    fails."""
    begin = time.monotonic()
    made = blank(name, course, box)
    try:
        taken = intake.take(path)
        made.digest = taken.digest()
        with tempfile.TemporaryDirectory(prefix="osmem-work-") as place:
            workspace = Workspace(box, place, course.settings.build_seconds)
            workspace.prepare(taken)
            try:
                workspace.build(taken)
            finally:
                made.log = workspace.log
            if workspace.absent:
                made.remarks.append(f"It does not define {', '.join(workspace.absent)}: every test "
                                    "that calls a missing function fails.")
            if workspace.left_out:
                made.remarks.append(left_out_remark(workspace.left_out))
            nested = TRAMPOLINE.search(workspace.log)
            if nested:
                made.remarks.append(NESTED.format(place=nested[1]))
            judge(made, Grading(course, workspace, jobs))
    except intake.Refused as reason:
        refuse(made, str(reason), course)
    made.seconds = round(time.monotonic() - begin, 3)
    return made


def left_out_remark(paths):
    """The remark on sources that the library was linked without."""
    names = [ascii(path)[1:-1] for path in paths[:SOURCES_SHOWN]]
    more = f" and {len(paths) - SOURCES_SHOWN} more" if len(paths) > SOURCES_SHOWN else ""
    return ("Sources that osmem.c does not need are not in the library: "
            f"{', '.join(names)}{more}.")


def judge(made, grading):
    """Test a submission that was built, and fill in its Result."""
    course = grading.course
    results = grading.run_tests()
    made.cause_points = share_out(results, TOTAL - course.scheme.style, course.scheme.cause_points)
    made.tests = [test for test, _ in results]
    explain(made, grading)
    if course.settings.style:
        correctness = made.sums(False)[0]
        test, made.style_note = grading.judge_style(correctness)
        test.points = 0.0 if made.style_note else float(course.scheme.style)
        made.tests.append(test)
    else:
        made.style_note = STYLE_LEFT_OUT


def explain(made, grading):
    """Find the causes of the failures and explain each failed test."""
    feedback = grading.feedback
    refuted = feedback.find(made.tests, grading.play, grading.jobs)
    feedback.explain(made.tests, grading.jobs)
    made.causes = feedback.records()
    made.remarks += feedback.remarks()
    if refuted:
        made.remarks.append(f"The causes explain {refuted} more failed programs, but not the same "
                            "calls with other sizes, so these programs still count as failed.")


def refuse(made, reason, course):
    """Fill in the Result of a submission that was not run: every test is skipped."""
    made.status, made.reason = REFUSED, one_line(reason)
    results = [(Verdict(name, group, SKIPPED, 0.0, 0.0, hidden, "not run"), weight)
               for name, group, _, hidden, weight in course.planned()]
    share_out(results, TOTAL - course.scheme.style)
    made.tests = [test for test, _ in results]
    if course.settings.style:
        made.tests.append(Verdict("style", "style", SKIPPED, 0.0, float(course.scheme.style),
                                  False, "not run"))
    else:
        made.style_note = STYLE_LEFT_OUT


def style_lines(findings):
    """The deductions for style, kind by kind, with file and line."""
    lines = []
    for kind, count, cost in style.deductions(findings):
        lines.append(f"-{cost:.4g} {style.counted(kind, count)}")
        places = [finding for finding in findings if finding.kind == kind]
        lines += [f"    {Path(finding.file).name}:{finding.line}: {finding.text}"
                  for finding in places[:FINDINGS_SHOWN]]
        if len(places) > FINDINGS_SHOWN:
            lines.append(f"    and {len(places) - FINDINGS_SHOWN} more")
    return lines
