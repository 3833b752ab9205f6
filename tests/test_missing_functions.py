# SPDX-License-Identifier: BSD-3-Clause
"""A submission that lacks functions is graded for the others; failures name what is missing."""

import re
import subprocess
from functools import lru_cache

import pytest

from tests import small_suite, submit

FUNCTIONS = ("os_malloc", "os_calloc", "os_realloc", "os_free")
ABSENT = "os_realloc is not defined in your library"


def without(*names):
    """A submission that lacks functions and follows the contract in the others."""
    text = submit.naive()
    for name in names:
        text = re.sub(rf"^(void \*?){name}\(", rf"\1my_{name}(", text, flags=re.M)
    return text


@lru_cache(maxsize=None)
def library(*names):
    """The directory of a libosmem.so without these functions."""
    place = small_suite.scratch() / "-".join(["without", *names])
    place.mkdir()
    source = place / "osmem.c"
    source.write_text(without(*names), encoding="utf-8")
    subprocess.run(["gcc", "-O1", "-g", "-w", "-shared", "-fPIC", f"-I{small_suite.ROOT / 'utils'}",
                    source, small_suite.ROOT / "utils/printf.c", "-o", place / "libosmem.so"],
                   check=True)
    return place


def test_programs_that_do_not_call_it_pass():
    done = small_suite.run("--suite", small_suite.part_suite(),
                           "--library", library("os_calloc", "os_realloc"))
    lines = [line.split() for line in done.stdout.splitlines() if line.startswith("test-")]
    passed = {line[0] for line in lines if "passed" in line}
    assert (done.returncode, done.stderr) == (1, "")
    assert {line[0] for line in lines} - passed == {
        name for name in small_suite.PART if re.search(r"calloc\(|realloc\(", program(name))}
    assert f"{ABSENT}: 1 test fails for that reason." in done.stdout
    assert "No known mistake" not in done.stdout, "there is nothing else to explain"


def program(name):
    """The text of a program of the suite."""
    return (small_suite.ROOT / f"tests/snippets/{name}.c").read_text(encoding="utf-8")


def test_a_program_that_is_asked_for_says_no_more_than_that():
    done = small_suite.run("--library", library("os_realloc"), "realloc-last-grows")
    assert f"test-realloc-last-grows: {ABSENT}" in done.stdout
    assert "First call that differs" not in done.stdout
    assert "symbol lookup" not in done.stdout


@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_function_may_be_missing(name, tmp_path):
    """The grader has the verdicts of run_tests.py, and names the missing function first."""
    made = submit.result_of(tmp_path / "half", without(name))
    assert made.status == "graded"
    assert made.remarks == [f"It does not define {name}: every test that calls a missing "
                            "function fails."]
    reasons = {test.reason for test in made.tests if test.status == "failed"}
    assert reasons == {f"{name} is not defined in your library"}
    failed = {test.name for test in made.tests if test.status == "failed"}
    # Programs call os_malloc() and os_free() through snippet.h.
    called = {"os_malloc": "malloc", "os_free": "free"}.get(name, name)
    assert failed >= {test.name for test in made.tests
                      if f"{called}(" in program(test.name)
                      and test.status != "skipped"}


def test_missing_functions_gain_nothing(tmp_path):
    """A test passes without a function only if it passes with any other kind of it."""
    whole = {test.name: test.share for test in
             submit.result_of(tmp_path / "whole", without(), seeds=2, seed=1).tests}
    half = submit.result_of(tmp_path / "half", without("os_realloc"), seeds=2, seed=1)
    assert all(test.share <= whole[test.name] for test in half.tests)
    played = [test for test in half.tests if test.group == "seeds"]
    assert played and all(test.reason.endswith(ABSENT) for test in played)
    passed = [test.name for test in half.tests if test.status == "passed"]
    assert "test-free-null" in passed, "its variant does not call os_realloc() either"


def test_a_submission_without_any_of_them_is_refused(tmp_path):
    made = submit.result_of(tmp_path / "none", without(*FUNCTIONS))
    assert (made.status, made.reason) == ("refused", (
        "it defines none of os_malloc, os_calloc, os_realloc, os_free; "
        "define the missing functions, neither static nor hidden"))


def test_a_helper_that_is_defined_nowhere_is_named(tmp_path):
    """With lazy binding, only calls that reach it fail, and the reason names it."""
    text = submit.naive().replace(
        "void os_free(void *ptr)\n{\n",
        "void grow_lst(void);\nvoid os_free(void *ptr)\n{\n\tgrow_lst();\n")
    made = submit.result_of(tmp_path / "typo", text)
    failed = [test for test in made.tests if test.status == "failed"]
    assert failed and all("needs grow_lst inside os_free(" in test.reason for test in failed)
