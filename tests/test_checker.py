# SPDX-License-Identifier: BSD-3-Clause
"""The checker on good, broken, lying and ugly submissions; the staged `make check`."""

import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "checker"))
import check  # noqa: E402
import grader  # noqa: E402
import lint  # noqa: E402
import style  # noqa: E402
import trial  # noqa: E402

SPDX = "// SPDX-License-Identifier: BSD-3-Clause\n"
STUB = SPDX + """
#include "osmem.h"

void *os_malloc(size_t size)
{
    return size ? NULL : NULL;
}

void *os_calloc(size_t nmemb, size_t size)
{
    return nmemb ? os_malloc(size) : NULL;
}

void *os_realloc(void *ptr, size_t size)
{
    return ptr ? NULL : os_malloc(size);
}

void os_free(void *ptr)
{
    (void)ptr;
}
""".replace("    ", "\t")
UGLY = SPDX + """
#include "osmem.h"

static int forgotten;

void *os_malloc(size_t size)
{
  int shorter=size;
  return shorter?NULL:NULL;
}
"""


def checker(*words, **environment):
    """Run checker.sh as course staff do."""
    return subprocess.run([str(ROOT / "checker/checker.sh"), *map(str, words)], text=True,
                          capture_output=True, env={**os.environ, **environment}, check=False)


def submission(folder, **files):
    """A directory with src/ in which the named sources are (a name is its file's stem)."""
    (folder / "src").mkdir(parents=True)
    for stem, source in files.items():
        (folder / "src" / f"{stem}.c").write_text(source)
    return folder


def style_of(source):
    """The Grade after only style was judged; its directory is open to the user nobody."""
    grade = grader.Grade("one", correctness=90)
    with tempfile.TemporaryDirectory() as scratch:
        os.chmod(scratch, 0o755)
        path = Path(scratch) / "osmem.c"
        path.write_text(source)
        utils = Path(scratch) / "utils"
        shutil.copytree(ROOT / "utils", utils)
        grader.judge_style(grade, [path], utils)
    return grade


def findings(kind, count):
    """Invented findings of one kind, each on a line of its own."""
    return [lint.Finding("a.c", line, kind, "") for line in range(count)]


def references():
    """The texts of the reference traces by test name, with the points of each."""
    tests = json.loads((ROOT / "tests/suite.json").read_text())["tests"]
    return [(entry["points"], (ROOT / f"tests/ref/{name}.ref").read_text())
            for name, entry in tests.items()]


def reachable_by_doing_nothing():
    """The points of programs that ask for nothing: each result is NULL or void, no system call."""
    return sum(points for points, text in references()
               if all(line.endswith(("= NULL", "= <void>"))
                      for line in text.splitlines() if line.startswith("  ")))


def test_this_library_gets_every_point():
    done = checker()
    assert done.stdout.splitlines()[-3] == "Correctness: 90/90"
    assert "Lost in correctness" not in done.stdout
    assert done.returncode == 0


def test_what_does_not_compile_gets_nothing_and_says_why(tmp_path):
    typo = STUB.replace("return size", "retrun size")
    done = checker(submission(tmp_path / "broken", osmem=typo))
    assert "Not run: it does not compile: src/osmem.c:7" in done.stdout
    assert done.stdout.splitlines()[-3:] == ["Correctness: 0/90", "Style: 0/10", "Total: 0/100"]
    assert done.returncode == 0


def test_what_does_not_link_says_why(tmp_path):
    twice = submission(tmp_path / "twice", osmem=STUB, again=STUB)
    assert "multiple definition of `os_malloc'" in grader.grade_one(twice).refusal


def test_a_missing_function_is_named(tmp_path):
    partial = submission(tmp_path / "partial", osmem=STUB.replace("void os_free", "void my_free"))
    assert "does not export os_free" in grader.grade_one(partial).refusal


def test_forged_trace_lines_earn_nothing(tmp_path):
    forge = "".join(f"\tfputs({json.dumps(line)} \"\\n\", stderr);\n" for line in
                    references()[0][1].splitlines())
    liar = STUB + ("\n#include <stdio.h>\n\n__attribute__((constructor)) static void lie(void)\n{\n"
                   f"{forge}\tfor (int fd = 3; fd < 20; fd++)\n"
                   '\t\tdprintf(fd, "os_malloc(1)\\n  = HeapStart + 0x20\\n");\n}\n')
    grade = grader.grade_one(submission(tmp_path / "liar", osmem=liar))
    assert grade.refusal == ""
    assert grade.correctness <= reachable_by_doing_nothing() < 15


def test_symbolic_links_are_refused(tmp_path):
    place = submission(tmp_path / "linked", osmem=STUB)
    (place / "src/secret.c").symlink_to("/etc/passwd")
    assert grader.grade_one(place).refusal.startswith("secret.c cannot be read")


def test_a_pipe_is_refused_without_waiting(tmp_path):
    place = submission(tmp_path / "pipe", osmem=STUB)
    os.mkfifo(place / "src/pipe.h")
    assert grader.grade_one(place).refusal == "pipe.h is not a regular file"


def test_a_huge_file_is_refused(tmp_path):
    place = submission(tmp_path / "huge", osmem=STUB)
    (place / "src/table.h").write_text("/" * (grader.MAX_BYTES + 1))
    assert "larger than" in grader.grade_one(place).refusal


def test_no_source_is_no_points(tmp_path):
    (tmp_path / "Makefile").write_text("all:\n")
    assert grader.grade_one(tmp_path).refusal.startswith("there is no .c file")


def test_the_submissions_makefile_is_not_run(tmp_path):
    place = submission(tmp_path / "make", osmem="not C\n")
    (place / "src/Makefile").write_text(f"all:\n\ttouch {tmp_path}/ran\n")
    assert grader.grade_one(place).refusal
    assert not (tmp_path / "ran").exists()


def test_no_such_submission_cannot_be_graded(tmp_path):
    done = checker(tmp_path / "nowhere")
    assert (done.returncode, done.stdout) == (2, "")
    assert "name the submission's directory" in done.stderr


def test_a_class_is_a_table_and_a_csv(tmp_path):
    for name in ("anna", "ben"):
        submission(tmp_path / "class" / name, osmem="not C\n")
    done = checker("--class", tmp_path / "class", "--csv", tmp_path / "out.csv")
    assert [line.split()[:4] for line in done.stdout.splitlines()[1:]] == [
        ["anna", "0", "0", "0"], ["ben", "0", "0", "0"]]
    with open(tmp_path / "out.csv", newline="", encoding="utf-8") as table:
        assert [row[0] for row in csv.reader(table)] == ["submission", "anna", "ben"]


def test_one_that_cannot_be_graded_does_not_stop_the_class(tmp_path, monkeypatch, capsys):
    for name in ("anna", "ben", "carl"):
        submission(tmp_path / "class" / name, osmem=STUB)
    grade_one = grader.grade_one

    def grade_all_but_ben(path, **more):
        if path.name == "ben":
            raise grader.CannotGrade("ltrace was killed; try again")
        return grade_one(path, **more)

    monkeypatch.setattr(grader, "grade_one", grade_all_but_ben)
    monkeypatch.setattr(grader, "trace", lambda *_: {"earned": 7, "tests": []})
    monkeypatch.setattr(grader, "judge_style", lambda *_: None)
    status = grader.main(["--class", str(tmp_path / "class"), "--csv", str(tmp_path / "out.csv")])
    with open(tmp_path / "out.csv", newline="", encoding="utf-8") as table:
        rows = list(csv.reader(table))[1:]
    assert [row[:2] for row in rows] == [["anna", "7"], ["ben", "-"], ["carl", "7"]]
    assert rows[1][4] == "could not be graded: ltrace was killed; try again"
    said = capsys.readouterr()
    assert [line.split()[:2] for line in said.out.splitlines()[1:]] == [row[:2] for row in rows]
    assert said.err.startswith("checker: 1 of 3 submissions could not be graded; ")
    assert (status, said.err.count("\n")) == (2, 1)


def hidden_suite(place, points):
    """A suite with one program of one's own, its reference made by the model, closed to others."""
    trial.make_suite(place, {})
    trial.add_program(place, "test-own", "\txfree(xmalloc(200000));", "", points=points)
    assert trial.run("--update-refs", "--suite", place).returncode == 0
    place.chmod(0o700)
    return place


def test_a_suite_of_ones_own(tmp_path):
    place = hidden_suite(tmp_path / "hidden", 90)
    done = checker("--suite", os.path.relpath(place))
    assert done.stdout.splitlines()[-3] == "Correctness: 90/90"
    stub = checker("--suite", place, submission(tmp_path / "stub", osmem=STUB))
    assert "-90    test-own: " in stub.stdout
    assert stub.stdout.splitlines()[-3] == "Correctness: 0/90"


def test_a_suite_with_other_points_is_refused(tmp_path):
    submission(tmp_path / "class/anna", osmem=STUB)
    done = checker("--suite", hidden_suite(tmp_path / "hidden", 5), "--class", tmp_path / "class")
    assert "could not be graded: the suite's points sum to 5; make them 90" in done.stdout
    assert done.returncode == 2


def test_clean_code_keeps_all_style_points():
    grade = style_of(STUB)
    if grade.style is None:
        pytest.skip(grade.not_measured)
    assert (grade.style, grade.lost_style) == (10, [])


def test_ugly_code_loses_style_points_by_name():
    grade = style_of(UGLY)
    if grade.style is None:
        pytest.skip(grade.not_measured)
    lost = {what.split(" ", 1)[1].rstrip("s") for _, what, _ in grade.lost_style}
    assert {"compiler warning", "checkpatch error", "checkpatch warning"} <= lost
    assert 0 < grade.style < 10


def test_style_without_checkpatch_is_not_measured(monkeypatch):
    monkeypatch.setenv("CHECKPATCH", "/nowhere/checkpatch.pl")
    grade = style_of(STUB)
    assert grade.style is None
    assert "/nowhere/checkpatch.pl, which cannot be read" in grade.not_measured
    assert "Total: 90/100 (without style)" in grader.report(grade)


@pytest.mark.parametrize("kind", style.COSTS)
def test_each_kind_costs_what_the_table_says_up_to_its_cap(kind):
    _, each, most = style.COSTS[kind]
    assert style.points(findings(kind, 1)) == 10 - each
    assert style.points(findings(kind, 1000)) == 10 - most


def test_style_points_end_at_zero():
    assert style.points([]) == 10
    assert style.points(sum((findings(kind, 1000) for kind in style.COSTS), [])) == 0


def test_style_is_not_worth_more_than_correctness():
    assert [style.earned(9.5, correctness) for correctness in (0, 3, 90)] == [0, 3, 9.5]


def test_two_compilers_on_one_line_count_once():
    twice = [lint.Finding("a.c", 3, "warning", who) for who in ("gcc says", "clang says")]
    assert style.points(twice) == style.points(twice[:1])


def test_the_readme_has_the_table_of_costs():
    text = (ROOT / "checker/README.md").read_text()
    for what, each, most in style.COSTS.values():
        assert f"| {what} | {each:g} | {most:g} |" in text


def test_pragmas_that_hide_warnings_are_found(tmp_path):
    source = tmp_path / "a.c"
    source.write_text('#pragma GCC diagnostic ignored "-Wconversion"\n#pragma once\n')
    assert [(finding.line, finding.kind) for finding in lint.pragmas([source])] == [(1, "pragma")]


def test_check_counts_everything_and_names_what_failed():
    xml = ('<testsuites><testsuite><testcase classname="tests.test_checker" name="test_a"/>'
           '<testcase classname="tests.test_checker.TestB" name="test_b[0 1]"><failure/></testcase>'
           '<testcase classname="" name="tests.test_gone"><error/></testcase>'
           '<testcase classname="tests.test_checker" name="test_c">'
           '<skipped message="no tool"/></testcase>'
           '</testsuite></testsuites>')
    lines = check.summary(check.pytest_results(xml))
    pytest_again = f"{sys.executable} -m pytest"
    assert lines == [
        f"skipped: {pytest_again} tests/test_checker.py::test_c   (no tool)",
        f"failed: {pytest_again} 'tests/test_checker.py::TestB::test_b[0 1]'",
        f"failed: {pytest_again} tests.test_gone",
        "1 passed, 2 failed, 1 skipped"]


def test_an_exit_status_without_a_failure_is_one():
    passed = check.Result("passed", "make it")
    failed = check.Result("failed", "make it")
    assert check.unexplained(0, [passed], "again") == []
    assert check.unexplained(2, [passed, failed], "again") == []
    assert check.unexplained(2, [passed], "again") == [
        check.Result("failed", "again", "exit status 2")]


def test_a_stage_that_breaks_down_is_one_failure(tmp_path, capsys):
    def broken(_scratch):
        raise OSError("no disk")

    assert [result.outcome for result in check.guarded(broken, tmp_path)] == ["failed"]
    assert "no disk" in capsys.readouterr().err


def test_make_lint_runs_the_linter_that_is_named():
    make = ["make", "--no-print-directory", "lint"]
    done = subprocess.run([*make, "-s", "LINTER=pragmas"], cwd=ROOT, text=True,
                          capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (0, "pragmas      clean\n")
    unset = subprocess.run([*make, "-n"], cwd=ROOT, text=True, capture_output=True, check=True)
    assert unset.stdout.rstrip().endswith("checker/lint.py")
