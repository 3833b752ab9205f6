# SPDX-License-Identifier: BSD-3-Clause
"""The report for course staff, as text: in the terminal and in report.txt."""

from tests.harness.points import number
from tests.harness.feedback.report import printable
from ..result import CAUSE, GRADED
from .shared import LOG_HEAD, causes_of


def terminal(result, verbose=False):
    """The report for course staff: the lost points, then the sums."""
    lines = [f"Graded by osmem {result.version}"] * verbose
    lines += [f"Not run: {result.reason}"] * (result.status != GRADED)
    lines += causes_of(result, result.causes, verbose).splitlines()
    if result.status == GRADED:
        lost = [test for test in result.tests if test.share < 1 and test.group != "style"]
        lines += ["Lost in correctness:"] * bool(lost)
        for test in lost:
            lines.append(f"  -{number(test.points - test.score):<5} {test.name}: {test.reason}")
            if verbose and test.output:
                lines += ["    " + line for line in test.output.splitlines()]
        ugly = [test for test in result.tests if test.group == "style" and test.output]
        for test in ugly:
            lines += ["Lost in style:", *("  " + line for line in test.output.splitlines())]
    if verbose and result.log:
        lines += [LOG_HEAD + ":", *("  " + line for line in result.log.splitlines())]
    lines += [f"Note: {remark}" for remark in result.remarks]
    lines.append(f"By cause: {number(result.score_by_cause)}/{number(result.max_score)}")
    correctness, style = result.sums(False), result.sums(True)
    lines.append(f"Correctness: {number(correctness[0])}/{number(correctness[1])}")
    note = result.style_note.removeprefix("style ")
    lines.append("Style: " + (note or f"{number(style[0])}/{number(style[1])}"))
    without = " (without style)" if result.style_note else ""
    lines.append(f"Total: {number(result.score)}/{number(result.max_score)}{without}")
    if result.marks_by == CAUSE:
        lines.append(f"Mark, by cause: {number(result.mark)}/{number(result.max_score)}")
    return printable("\n".join(lines)) + "\n"


def report(result):
    """report.txt: the same with every explanation."""
    return terminal(result, verbose=True)
