# SPDX-License-Identifier: BSD-3-Clause
"""Gradescope: results.json of an autograder."""

import json

from tests.harness import points
from tests.harness.feedback.report import printable
from ..result import PASSED
from .shared import OUTPUT_MOST, causes_for_students, log_of_refused, scaling, summary


def gradescope(result):
    """results.json of a Gradescope autograder. Gradescope has one maximum for all submissions, so
    the score is scaled to TOTAL."""
    counts = result.counts()
    made = {
        "score": result.scaled,
        "execution_time": round(result.seconds),
        "output": summary(result) + scaling(result) + causes_for_students(result)[:OUTPUT_MOST]
        + log_of_refused(result),
        "output_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": [gradescope_test(count, test) for count, test in enumerate(result.tests, 1)],
        "leaderboard": [{"name": "Score", "value": result.scaled},
                        {"name": "Tests passed", "value": counts[PASSED]}],
        "extra_data": {"schema": result.schema, "version": result.version,
                       "digest": result.digest, "score": result.score,
                       "score_by_cause": result.score_by_cause,
                       "settings": result.settings},
    }
    return json.dumps(made, indent=1) + "\n"


def gradescope_test(count, test):
    """One member of `tests` in Gradescope's results.json."""
    return {
        "score": points.exact(test.score),
        "max_score": points.exact(test.points),
        "status": "passed" if test.status == PASSED else "failed",
        "name": test.name,
        "name_format": "text",
        "number": str(count),
        "output": printable("\n\n".join(filter(None, [test.reason, test.output]))[:OUTPUT_MOST]),
        "output_format": "text",
        "tags": [test.group, test.status],
        "visibility": "hidden" if test.hidden else "visible",
    }
