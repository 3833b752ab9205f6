# SPDX-License-Identifier: BSD-3-Clause
"""JUnit XML, for continuous integration."""

from tests.harness.feedback.export import xml_text
from tests.harness.points import number
from ..result import FAILED, GRADED, PARTIAL, PASSED, SKIPPED
from .shared import causes_of


def junit(result):
    """JUnit XML. A test with partial credit is a failure whose message gives the points."""
    counts = result.counts()
    failures = counts[FAILED] + counts[PARTIAL]
    head = (f'name="{xml_text(result.name)}" tests="{len(result.tests)}" '
            f'failures="{failures}" errors="{int(result.status != GRADED)}" '
            f'skipped="{counts[SKIPPED]}" time="{result.seconds:.3f}"')
    cases = "".join(junit_case(test) for test in result.tests)
    if result.status != GRADED:
        cases += ('  <testcase classname="submission" name="submission">\n    <error message="'
                  f'{xml_text(result.note())}"/>\n  </testcase>\n')
    said = causes_of(result, result.causes, True)
    if said:
        cases += f"  <system-out>{xml_text(said)}</system-out>\n"
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<testsuite {head}>\n{cases}</testsuite>\n'


def junit_case(test):
    """The <testcase> of one test."""
    head = (f'  <testcase classname="{xml_text(test.group)}" name="{xml_text(test.name)}" '
            f'time="{test.seconds:.3f}"')
    if test.status == PASSED:
        return head + "/>\n"
    if test.status == SKIPPED:
        inner = f'<skipped message="{xml_text(test.reason)}"/>'
    else:
        score = f"{number(test.score)} of {number(test.points)} points"
        inner = (f'<failure message="{xml_text(test.reason)} ({score})">'
                 f"{xml_text(test.output)}</failure>")
    return f"{head}>\n    {inner}\n  </testcase>\n"
