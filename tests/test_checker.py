# SPDX-License-Identifier: BSD-3-Clause
"""The mark of one submission, style, the linters; the staged `make check`."""

import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from checker import check, intake, lint, style, submission
from checker.workspace import Workspace
from tests import small_suite, submit
from tests.harness import points
from tests.harness.sandbox import sandbox
from tests.small_programs import scratch

ROOT = submit.ROOT
UGLY = """\
// SPDX-License-Identifier: BSD-3-Clause

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
    submit.want_protection()
    return subprocess.run([str(ROOT / "checker/checker.sh"), *map(str, words)], text=True,
                          capture_output=True, env={**os.environ, **environment}, check=False)


def style_of(source, *without):
    """The Verdict of style, and why style was not measured."""
    with tempfile.TemporaryDirectory(dir=scratch()) as place:
        workspace = Workspace(submit.box(*without), place, submit.course().settings.build_seconds)
        workspace.prepare(intake.Sources({"osmem.c": source.encode()}, ["osmem.c"]))
        return submission.Grading(submit.course(), workspace, 1).judge_style(90)


def findings(kind, count):
    """Invented findings of one kind, each in a different line."""
    return [lint.Finding("a.c", line, kind, "") for line in range(count)]


def test_this_library_gets_every_point_and_leaves_no_files(tmp_path):
    submit.want_protection()
    done = subprocess.run([str(ROOT / "checker/checker.sh")], text=True, capture_output=True,
                          check=False, cwd=tmp_path)
    assert done.stdout.splitlines()[-3] == "Correctness: 90/90"
    assert "Lost in correctness" not in done.stdout
    assert (done.returncode, os.listdir(tmp_path)) == (0, [])


def test_what_does_not_compile_gets_nothing_and_says_why(tmp_path):
    typo = submit.STUB.replace("return size", "retrun size")
    done = checker(submit.submission(tmp_path / "broken", typo))
    assert "Not run: it does not compile: src/osmem.c:7" in done.stdout
    assert done.stdout.splitlines()[-3:] == ["Correctness: 0/90", "Style: 0/10", "Total: 0/100"]
    assert done.returncode == 0


def test_a_submission_that_is_not_there_is_refused(tmp_path):
    done = checker("--no-style", tmp_path / "nowhere")
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "Not run: nowhere does not exist")


def hidden_suite(place, points):
    """A suite with one new program, whose reference the model makes; other users cannot read it."""
    small_suite.make_suite(place, {})
    small_suite.add_program(place, "test-own", "\txfree(xmalloc(200000));", "", points=points)
    assert small_suite.run("--update-refs", "--suite", place).returncode == 0
    place.chmod(0o700)
    return place


def test_a_suite_of_ones_own(tmp_path):
    place = hidden_suite(tmp_path / "hidden", 5)
    words = ["--no-style", "--suite", os.path.relpath(place)]
    done = checker(*words, submit.submission(tmp_path / "good", submit.naive()))
    assert done.stdout.splitlines()[-3] == "Correctness: 90/90"
    stub = checker(*words, submit.submission(tmp_path / "stub", submit.STUB))
    assert "-90    test-own: " in stub.stdout
    assert stub.stdout.splitlines()[-3] == "Correctness: 0/90"


def test_who_exhausts_a_linter_has_no_style_points(monkeypatch):
    """The total leaves style out only if the linter is unavailable."""
    monkeypatch.setitem(sandbox.COMPILER_LIMITS, "cpu", 2)
    made, missing = style_of(submit.STUB + "#define X \\\n" + "\\\n" * 300000)
    if made.status == "skipped":
        pytest.skip(missing)
    assert (made.status, made.share, missing) == ("failed", 0.0, "")
    assert "used up its time or memory on these sources" in made.reason


def test_clean_code_keeps_all_style_points():
    made, missing = style_of(submit.STUB)
    if missing:
        pytest.skip(missing)
    assert (made.status, made.share, made.output) == ("passed", 1, "")


def test_ugly_code_loses_style_points_by_name():
    made, missing = style_of(UGLY)
    if missing:
        pytest.skip(missing)
    assert all(what in made.output for what in (
        "compiler warning", "checkpatch error", "checkpatch warning", "osmem.c:9: "))
    assert 0 < made.share < 1


def test_style_is_the_same_in_every_sandbox():
    assert style_of(UGLY) == style_of(UGLY, "bubblewrap") == style_of(UGLY, *sandbox.LAYERS)


# An apt of Ubuntu's: no Debian mirror, and kernel headers of three kinds.
FAKE_APT = {
    "apt-get": """#!/bin/sh
[ "$1" != indextargets ] || exit 0
for name; do :; done
echo "$name" >>%(log)s
mkdir -p tree/DEBIAN tree/usr/src/$name/scripts
printf 'Package: %%s\\nVersion: 1\\nArchitecture: all\\nMaintainer: x\\nDescription: x\\n' \\
    $name >tree/DEBIAN/control
for file in %(files)s; do echo $name >tree/usr/src/$name/scripts/$file; done
dpkg-deb --build tree $name.deb
""",
    "apt-cache": """#!/bin/sh
printf '%%s\\n' linux-headers-6.8.0-9 linux-headers-6.8.0-31-generic linux-headers-6.8.0-31
""",
}


def checkpatch_from_headers(place, files="checkpatch.pl spelling.txt const_structs.checkpatch"):
    """Run checkpatch.sh with FAKE_APT; the CompletedProcess."""
    (place / "bin").mkdir(exist_ok=True)
    for name, text in FAKE_APT.items():
        (place / "bin" / name).write_text(text % {"log": place / "log", "files": files})
        (place / "bin" / name).chmod(0o755)
    return subprocess.run([ROOT / "checker/checkpatch.sh"], capture_output=True, text=True,
                          check=False, env={"PATH": f"{place}/bin:/usr/bin:/bin",
                                            "OSMEM_CACHE": f"{place}/c"})


def test_checkpatch_from_kernel_headers(tmp_path):
    if not shutil.which("dpkg-deb") or glob.glob("/usr/src/linux-*/scripts/checkpatch.pl"):
        pytest.skip("there is no dpkg-deb here, or a checkpatch.pl comes before")
    for _ in range(2):
        done = checkpatch_from_headers(tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        assert Path(done.stdout.strip()).read_text() == "linux-headers-6.8.0-31\n"
    assert (tmp_path / "log").read_text() == "linux-headers-6.8.0-31\n"        # fetched once
    assert {path.name for path in (tmp_path / "c/headers").iterdir()} == {
        "checkpatch.pl", "spelling.txt", "const_structs.checkpatch"}


def test_kernel_headers_without_checkpatch(tmp_path):
    done = checkpatch_from_headers(tmp_path, "other")
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch("checkpatch.pl: .*no checkpatch.pl in linux-headers-6.8.0-31.*; put .*\n",
                        done.stderr)


def test_style_without_checkpatch_is_not_measured(monkeypatch):
    monkeypatch.setenv("CHECKPATCH", "/nowhere/checkpatch.pl")
    made, missing = style_of(submit.STUB)
    assert (made.status, made.share) == ("skipped", 0)
    assert "/nowhere/checkpatch.pl, which cannot be read" in missing


@pytest.mark.parametrize("kind", style.COSTS)
def test_each_kind_costs_what_the_table_says_up_to_its_cap(kind):
    _, each, most = style.COSTS[kind]
    assert style.points(findings(kind, 1)) == 10 - each
    assert style.points(findings(kind, 1000)) == 10 - most


def test_style_points_end_at_zero():
    assert style.points([]) == 10
    assert style.points(sum((findings(kind, 1000) for kind in style.COSTS), [])) == 0


def test_style_is_not_worth_more_than_correctness():
    assert [points.style_earned(9.5, correctness) for correctness in (0, 3, 90)] == [0, 3, 9.5]


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
    assert unset.stdout.rstrip().endswith("-m checker.lint")


@pytest.mark.parametrize("name", ["the rest.h", "x;touch harm;.h", "x:1: ERROR:A: .h",
                                  "$(touch harm).h"])
def test_the_name_of_a_file_changes_no_style(tmp_path, name):
    """Linters get files with neutral names: no shell runs a name, and every file is checked."""
    (tmp_path / "osmem.c").write_text(f'#include "{name}"\n')
    (tmp_path / name).write_text(UGLY)
    sources = [tmp_path / "osmem.c", tmp_path / name]
    try:
        found = lint.checkpatch(sources)
    except lint.NotMeasured as missing:
        pytest.skip(str(missing))
    assert {finding.file for finding in found} >= {str(tmp_path / name)}
    warnings = lint.compiler("gcc", sources, [tmp_path, ROOT / "utils"])
    assert str(tmp_path / name) in {finding.file for finding in warnings} or ":1:" in name
    assert not list(tmp_path.glob("**/harm"))


@pytest.mark.parametrize("line", [
    '# 1 "osmem.c" 3', '#line 1 "x.h"', '%: 7 "x.h" 3', "# 7", '#/**/1 "/usr/include/stdio.h" 3',
    "#pragma GCC system_\\\nheader", "#pragma clang system_header",
    "#pragma GCC diag\\\nnostic ignored \"-Wall\"", "#pragma GCC/**/diagnostic ignored \"-Wall\"",
    "#/*\n*/pragma GCC/*\n*/diagnostic/**/push", "#pragma clang/* */diagnostic ignored \"-Wall\"",
    '_Pragma("GCC diagnostic push")', "#define HIDE(x) _Pragma(#x)",
    "#pragma GCC \rdiagnostic pop"])
def test_other_ways_to_switch_warnings_off(tmp_path, line):
    path = tmp_path / "osmem.c"
    line = line.replace("\r", "\\\r\n")
    path.write_bytes(f"int one;\n{line}\nint two;\n".encode())
    assert [finding.line for finding in lint.pragmas([path])] == [2]


@pytest.mark.parametrize("before", [
    "\ufeff", 'const char *r = R"(" /* )";\n', "#/**/include </*>\n", "char c = '\"', d = '/';\n",
    'const char *s = "/*";\n', "int a = 4 //* 2 */ 2\n;\n"])
def test_what_is_no_comment_hides_no_pragma(tmp_path, before):
    path = tmp_path / "osmem.c"
    path.write_text(f"{before}#pragma GCC system_header\nint two; /* */\n", encoding="utf-8")
    assert [finding.line for finding in lint.pragmas([path])] == [before.count("\n") + 1]


def test_what_is_in_a_comment_or_harmless_is_no_finding(tmp_path):
    path = tmp_path / "osmem.c"
    path.write_text("/*\n#pragma GCC system_header\n*/\n// # 1 \"x.h\"\n#pragma once\n"
                    '_Pragma("pack(1)")\n#define ONE # 1\n')
    assert lint.pragmas([path]) == []


STYLE_HEAD = "// SPDX-License-Identifier: BSD-3-Clause\n\n"
# Nothing is left of its style but a fraction of a point.
WORSE = UGLY + "".join(f"static int Fn{n}(int a){{ char b=a*2.5; return(b); }}\n"
                       for n in range(30))


def style_points(place, files):
    """Points of style of a submission of these files, or a skipped test."""
    for name, text in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text)
    with tempfile.TemporaryDirectory(dir=scratch()) as inside:
        workspace = Workspace(submit.box(), inside, submit.course().settings.build_seconds)
        workspace.prepare(intake.take(place))
        made, missing = submission.Grading(submit.course(), workspace, 1).judge_style(90)
    if missing:
        pytest.skip(missing)
    return round(made.share * style.POINTS, 2)


@pytest.mark.parametrize("name", ["utils/impl.h", "include/impl.h", "tests/impl.h", "utils/osmem.h",
                                  "utils/impl.c", "src/impl.c"])
def test_code_outside_of_osmem_c_is_linted(tmp_path, name):
    """The place and the name of a file change nothing."""
    include = STYLE_HEAD + f'#include "../{name}"\n'
    assert style_points(tmp_path, {"src/osmem.c": include, name: WORSE}) < 3


# Not as we would write it: what a course gives out is no student's.
COURSE_HEADER = """
#pragma once
#include <stddef.h>
#define DIE(assertion,call) do { if(assertion) { } } while(0)
struct   block_meta{ size_t size;int status; struct block_meta*prev,*next; };
void*os_malloc(size_t);
"""


def test_a_courses_headers_cost_nothing(tmp_path):
    printf = "#include <unistd.h>\nint printf_(const char*f,...){ char c=*f*2.5; return(c); }\n"
    header = COURSE_HEADER + "int printf_(const char*f,...);\n"
    own = STYLE_HEAD + '#include "osmem.h"\n#include "block_meta.h"\n#include "printf.h"\n'
    files = {"src/osmem.c": own, "utils/osmem.h": COURSE_HEADER,
             "utils/block_meta.h": COURSE_HEADER, "utils/printf.h": header,
             "utils/printf.c": printf}
    assert style_points(tmp_path / "one", files) == 10
    files["utils/printf.c"] += "void *get(int n){ return sbrk(n); }\n"
    assert style_points(tmp_path / "two", files) < 10


@pytest.mark.parametrize("line", ['#/**/line 1 "/usr/include/stdio.h"', '# 1 "/usr/include/x.h"'])
def test_a_finding_in_another_file_than_there_is_counts(tmp_path, line):
    assert style_points(tmp_path, {"src/osmem.c": f"{line}\n" + WORSE}) == 0


@pytest.mark.parametrize("name", ["grade", "checker.sh", "deps.sh"])
def test_a_command_may_be_called_through_a_link(tmp_path, name):
    (tmp_path / "link").symlink_to(ROOT / "checker" / name)
    words = ["--list", "student"] if name == "deps.sh" else ["-h"]
    done = subprocess.run([tmp_path / "link", *words], text=True, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
