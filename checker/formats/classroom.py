# SPDX-License-Identifier: BSD-3-Clause
"""GitHub Classroom: the payload of its reporter."""

import base64
import json

from tests.harness import points
from tests.harness.feedback.report import printable
from ..result import CAUSE, GRADED, by_group
from .shared import causes_of

MESSAGE_MOST = 3000             # characters of a message


def classroom(result):
    """GitHub Classroom's payload: base64 of JSON with one test for each group. The reporter reads
    it from an environment variable, which cannot hold every explanation."""
    counted = [test for test in result.tests if test.points or test.group != "style"]
    tests = [classroom_test(group, tests) for group, tests in by_group(counted).items()]
    tests += [by_cause_test(result)] * (result.marks_by == CAUSE)
    failed = any(test["status"] != "pass" for test in tests)
    status = "error" if result.status != GRADED else "fail" if failed else "pass"
    made = {"version": 1, "status": status, "max_score": result.max_score, "tests": tests}
    return base64.b64encode(json.dumps(made).encode()).decode("ascii") + "\n"


def by_cause_test(result):
    """A member of the payload whose points make the sum equal the mark by cause."""
    back = points.rounded(result.mark - result.score)
    return {"name": "by cause", "status": "pass", "score": back, "max_score": 0,
            "message": printable(causes_of(result, result.shown_causes(), False))[:MESSAGE_MOST],
            "test_code": "checker/grade", "filename": "src/osmem.c", "line_no": 0, "duration": 0}


def classroom_test(group, tests):
    """The member of the payload for one group of tests."""
    lost = [f"{test.name}: {test.reason}" for test in tests if test.share < 1 and not test.hidden]
    score, possible = points.sums(tests)
    return {
        "name": group,
        "status": "pass" if all(test.share == 1 for test in tests) else "fail",
        "score": score,
        "max_score": possible,
        "message": printable("\n".join(lost))[:MESSAGE_MOST],
        "test_code": f"checker/grade ({len(tests)} tests)",
        "filename": "src/osmem.c",
        "line_no": 0,
        "duration": round(1000 * sum(test.seconds for test in tests)),
    }
