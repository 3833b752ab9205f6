# SPDX-License-Identifier: BSD-3-Clause
"""Moodle: the output that its Virtual Programming Lab reads."""

from tests.harness import points
from tests.harness.points import number
from tests.harness.feedback.report import printable
from ..result import GRADED, by_group
from .shared import causes_for_students, log_of_refused, scaling, summary


def vpl(result):
    """The output that Moodle's Virtual Programming Lab reads: the causes and a line for each
    failure. Every line but the grade is a comment, so no text of a submission can set the grade."""
    lines = [*(summary(result) + scaling(result) + causes_for_students(result)
               + log_of_refused(result)).splitlines(), ""]
    for group, tests in by_group(result.tests).items():
        score, possible = points.sums(tests)
        lines.append(f"-{group} ({number(score)}/{number(possible)})")
        for test in tests:
            if test.share < 1 and not test.hidden and result.status == GRADED:
                lines.append(f"{test.name}: {test.reason}")
    comments = [f"Comment :=>>{printable(line)}" for line in "\n".join(lines).splitlines()]
    return "\n".join([*comments, f"Grade :=>>{number(result.scaled)}"]) + "\n"
