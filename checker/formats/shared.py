# SPDX-License-Identifier: BSD-3-Clause
"""What several formats have in common."""

from tests.harness import points
from tests.harness.feedback import causetext, explain
from tests.harness.points import number
from tests.harness.feedback.report import printable
from ..result import GRADED, REFUSED, TOTAL
from . import page

LOG_HEAD = "What the compiler and the linker printed"
OUTPUT_MOST = 20000             # characters of one test's explanation


def hidden_sums(result):
    """(number of hidden tests, points earned, points possible)."""
    chosen = [test for test in result.tests if test.hidden]
    return (len(chosen), *points.sums(chosen))


def causes_of(result, causes, verbose):
    """These causes of a result as text: a line for each or, if `verbose`, the full explanation."""
    if not any(test.output for test in result.tests if test.group != "style"):
        return ""
    head = result.headline(causes)
    lines = [causetext.overview(head, causes) if verbose else head]
    for count, (cause, cost) in enumerate(result.with_costs(causes), 1):
        if verbose:
            lines += ["", causetext.one(count, cause, f"; by cause they cost {number(cost)}")]
        else:
            lines.append(f"  {count}. {explain.title(cause['rule'], cause['sentence'])} "
                         f"({causetext.counted(len(cause['tests']), 'failure')})")
    return "\n".join(lines + [""] * verbose)


def summary(result):
    """A few lines for students: the points, and why a submission was not graded."""
    lines = [f"{number(result.mark)} of {number(result.max_score)} points",
             page.other_figure(result)]
    lines += [result.style_note] * bool(result.style_note)
    if result.status == REFUSED:
        lines.append(f"Not run: {result.reason}")
    elif result.status != GRADED:
        lines.append(f"The grader failed, not the submission: {result.reason}")
    count, score, possible = hidden_sums(result)
    if count:
        lines.append(f"{count} hidden tests gave {number(score)} of {number(possible)} points")
    return printable("\n".join(lines + result.remarks))


def causes_for_students(result):
    """The causes of the failures except hidden ones; "" for none."""
    said = printable(causes_of(result, result.shown_causes(), True)).rstrip()
    return f"\n\n{said}" if said else ""


def log_of_refused(result):
    """The compiler's log of a refused submission, "" for others."""
    if result.status != REFUSED or not result.log:
        return ""
    return f"\n\n{LOG_HEAD}:\n{result.log[:OUTPUT_MOST]}"


def scaling(result):
    """A line with the mark scaled to TOTAL, "" if max_score is TOTAL."""
    if result.max_score == TOTAL:
        return ""
    return (f"\nScaled to a maximum of {TOTAL}, this is {number(result.scaled)}: what was not "
            "measured costs nothing.")
