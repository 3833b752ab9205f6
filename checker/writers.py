# SPDX-License-Identifier: BSD-3-Clause
"""Write a result in the formats of people and of teaching systems.

Each writer takes a result.Result and returns text. Parts of the text come from the submission, so
each format escapes it. In formats for students, hidden tests are counted but not described.
"""

import base64
import csv
import io
import json

from tests.harness import causetext, explain, points
from tests.harness.export import xml_text
from tests.harness.points import number
from tests.harness.report import printable
from . import page
from .result import (CAUSE, FAILED, GRADED, PARTIAL, PASSED, REFUSED, SKIPPED, TOTAL, by_group,
                     document)

MESSAGE_MOST = 3000             # characters of a message in the Classroom payload
LOG_HEAD = "What the compiler and the linker printed"
OUTPUT_MOST = 20000             # characters of one test's explanation for Gradescope
TABLE = ["submission", "status", "score", "max_score", "correctness", "style", "score_by_cause",
         "mark", "passed", "partial", "failed", "skipped", "seconds", "version",
         "note"]
FORMULA = ("=", "+", "-", "@", "\t", "\r")      # a spreadsheet's formula may start with these


def hidden_sums(result):
    """(number of hidden tests, points earned, points possible)."""
    chosen = [test for test in result.tests if test.hidden]
    return (len(chosen), *points.sums(chosen))


# ---- people -----------------------------------------------------------------------------------

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


def row(result):
    """One row of the class's table, values in the order of TABLE."""
    counts = result.counts()
    style = "" if result.style_note else number(result.sums(True)[0])
    return [result.name, result.status, number(result.score), number(result.max_score),
            number(result.sums(False)[0]), style, number(result.score_by_cause),
            number(result.mark), *map(str, counts.values()),
            f"{result.seconds:.1f}", result.version, printable(result.note()).replace("\n", " ")]


def table(rows):
    """The class's table as text, for the terminal."""
    width = max([len("submission"), *(len(printable(name)) for name, *_ in rows)])
    lines = [f"{'submission':<{width}} {'correct':>8} {'style':>6} {'total':>6} {'by cause':>8} "
             f"{'mark':>6} {'of':>4}  note"]
    for name, _, score, most, correct, style, by_cause, mark, *_, note in rows:
        lines.append(f"{printable(name):<{width}} {correct:>8} {style or '-':>6} {score:>6} "
                     f"{by_cause:>8} {mark:>6} {most:>4}  {note}")
    return "\n".join(lines) + "\n"


def csv_table(rows):
    """The class's table as CSV. No cell begins like a formula, and null characters are escaped,
    since the csv module of Python 3.10 cannot write them."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(TABLE)
    for cells in rows:
        plain = [cell.replace("\0", "\\x00") for cell in cells]
        writer.writerow(["'" + cell if cell.startswith(FORMULA) else cell for cell in plain])
    return out.getvalue()


# ---- programs ---------------------------------------------------------------------------------

def as_json(result):
    """The JSON document (docs/grading.md)."""
    return json.dumps(document(result), indent=1) + "\n"


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


# name of a file in the submission's folder of results -> its writer
FILES = {
    "result.json": as_json,
    "report.html": page.html,
    "report.txt": lambda result: terminal(result, verbose=True),
    "junit.xml": junit,
    "gradescope.json": gradescope,
    "classroom.txt": classroom,
    "vpl.txt": vpl,
}
