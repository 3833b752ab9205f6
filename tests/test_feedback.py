# SPDX-License-Identifier: BSD-3-Clause
"""The grader's explanations: they change no mark and reveal nothing about hidden programs."""

import base64
import errno
import json
from pathlib import Path

import pytest

from checker import feedback, formats, submission
from tests import small_suite, submit
from tests.harness.feedback import causes, explain
from tests.harness.tracing import rerun

# Crashes in each call, where a second run says so; the hidden program is known by its size.
SPY = """
#include <fcntl.h>
#include <stddef.h>
#include "osmem.h"
static __attribute__((noinline)) void one(void) { *(volatile int *)8 = 1; }
static __attribute__((noinline)) void other(void) { *(volatile int *)8 = 2; }
void *os_malloc(size_t size)
{
\tif (size == 12345 && !(SECRET && fcntl(%d, F_GETFD) >= 0))
\t\tother();
\tone();
\treturn NULL;
}
""" % rerun.REPORT

HANGS = """
#include <stddef.h>
void *os_malloc(size_t size)
{
\tfor (volatile int on = 1; on;)
\t\ton = 1;
\treturn NULL;
}
"""


def crashes(folder, **settings):
    """The Result of a library that crashes in os_malloc."""
    return submit.result_of(folder, "void *os_malloc(unsigned long n)\n{\n"
                            "\treturn (void *)(n / *(volatile long *)8);\n}\n", **settings)


def stumble(*_, **__):
    """Fail like a bug of the grader on a submission that nobody thought of."""
    raise KeyError("bogus")


@pytest.mark.parametrize("module, name", [
    (explain, "explain"), (explain, "second_look"), (feedback, "shadow_text"), (rerun, "where"),
    (causes, "find"), (feedback.causetext, "records")])
def test_no_mistake_in_an_explanation_costs_the_result(tmp_path, monkeypatch, module, name):
    before = crashes(tmp_path / "before")
    monkeypatch.setattr(module, name, stumble)
    made = crashes(tmp_path / "after")
    assert made.status == "graded"
    assert [(test.status, test.score, test.reason) for test in made.tests] == \
        [(test.status, test.score, test.reason) for test in before.tests]
    assert all(test.reason in test.output for test in made.tests if test.status == "failed")
    assert before.remarks == [*made.remarks][:-1]
    assert "KeyError in test_feedback.py" in made.remarks[-1] and "bogus" not in made.remarks[-1]


def test_a_cause_that_decides_the_mark_is_no_mere_explanation(tmp_path, monkeypatch):
    place = small_suite.make_suite(tmp_path / "suite", {"test-malloc-grows-free-last": 1})
    tests = json.loads(Path(place, "suite.json").read_text())["tests"]
    small_suite.write_suite(place, tests, marks={"by": "cause"})
    monkeypatch.setattr(causes, "find", stumble)
    with pytest.raises(KeyError):
        crashes(tmp_path / "one", suite=place)


def test_a_full_disk_is_no_mistake_in_an_explanation(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(explain, "explain", full)
    with pytest.raises(OSError):
        crashes(tmp_path / "one")


def test_what_ran_beside_the_last_program_that_hung_explains_nothing(tmp_path, monkeypatch):
    """The number of programs that run at a time changes no explanation."""
    monkeypatch.setattr(submission, "MOST_HUNG", 2)
    submit.stop_soon(monkeypatch)
    suite = small_suite.make_suite(tmp_path / "suite", {})
    for number in range(6):
        small_suite.add_program(suite, f"test-{number}", "\tos_malloc(1);")
    folder = submit.submission(tmp_path / "one", HANGS)
    course = submit.course(suite=suite)
    made = [submission.grade_submission(folder, "one", course, submit.box(), jobs)
            for jobs in (1, 6)]
    assert [test.status for test in made[0].tests] == 2 * ["failed"] + 4 * ["skipped"]
    assert made[0].causes[0]["tests"] == ["test-0", "test-1"]
    assert made[0].causes == made[1].causes
    assert [test.output for test in made[0].tests] == [test.output for test in made[1].tests]


def told(folder, suite, secret):
    """Everything that students read about SPY, without times."""
    made = submit.graded(submit.submission(folder / "spy", f"#define SECRET {secret}\n{SPY}"),
                         suite=suite)
    made.seconds, made.digest = 0, ""
    for test in made.tests:
        test.seconds = 0
    classroom = base64.b64decode(formats.FILES["classroom.txt"](made)).decode()
    scope = json.loads(formats.FILES["gradescope.json"](made))
    scope["tests"] = [test for test in scope["tests"] if test["visibility"] == "visible"]
    page, vpl = (formats.FILES[name](made) for name in ("report.html", "vpl.txt"))
    return made, [page, vpl, classroom, scope]


def test_students_are_told_nothing_of_a_hidden_programs_second_run(tmp_path):
    """It crashes where a visible program does, or elsewhere, as a secret of the program says."""
    suite = small_suite.make_suite(tmp_path / "suite", {})
    small_suite.add_program(suite, "test-shown", "\tos_malloc(1);")
    small_suite.add_program(suite, "test-hidden", "\tos_malloc(12345);", hidden=True)
    made, forms = told(tmp_path / "no", suite, 0)
    same, others = told(tmp_path / "yes", suite, 1)
    assert "called from" in made.tests[0].output and made.tests[0].name == "test-shown"
    assert made.tests[1].output != same.tests[1].output, "course staff see where it crashed"
    assert "other (osmem.c" in made.tests[1].output and "one (osmem.c" in same.tests[1].output
    assert forms == others
