# SPDX-License-Identifier: BSD-3-Clause
"""Commands in surroundings that they cannot work in: one line on stderr, exit status 2."""

import os
import shlex
import subprocess
import sys

import pytest

import submit
import trial
from harness import build
from trial import ROOT, library, part_suite

PART = ["--suite", part_suite(), "--library", library()]
COMMANDS = {
    "run_tests": [sys.executable, "tests/run_tests.py", *PART],
    "run_tests -v": [sys.executable, "tests/run_tests.py", *PART, "-v"],
    "run_tests -m": [sys.executable, "tests/run_tests.py", *PART, "-m", "free-null"],
    "run_tests --list": [sys.executable, "tests/run_tests.py", "--list"],
    "run_tests --doctor": [sys.executable, "tests/run_tests.py", "--doctor"],
    "run_tests --update-refs": [sys.executable, "tests/run_tests.py", "--update-refs", "free-null"],
    "show_trace": [sys.executable, "tests/show_trace.py"],
    "grade": [sys.executable, "checker/main.py", "--no-files", "--no-style", "--unprotected",
              "--suite", part_suite()],
    "grade --probe": [sys.executable, "checker/main.py", "--probe"],
}


def shell(words, around, **environment):
    """Run a command with the shell's words around it, `{}`: the CompletedProcess."""
    line = around.replace("{}", shlex.join(map(str, words)))
    return subprocess.run(["bash", "-c", line], cwd=ROOT, text=True, capture_output=True,
                          env={**os.environ, **environment}, check=False, timeout=200)


@pytest.fixture(scope="module")
def commands(library, tmp_path_factory):
    """The commands, those that take a program or a submission with one."""
    place = tmp_path_factory.mktemp("program")
    program = build.build_program(ROOT / "tests/snippets/test-free-unmaps.c", library, place)
    more = {"show_trace": [program], "grade": [submit.submission(place / "anna")]}
    return {name: [*words, *more.get(name, [])] for name, words in COMMANDS.items()}


def one_line(done, *said):
    """Check that a command ended with status 2 and one line that names cause and remedy."""
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1 and "; " in done.stderr, done.stderr
    assert all(part in done.stderr for part in said), done.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_closed_output(commands, name):
    one_line(shell(commands[name], "{} >&-"), "standard output is closed")


@pytest.mark.parametrize("name", COMMANDS)
def test_full_output(commands, name):
    one_line(shell(commands[name], "{} >/dev/full"), "cannot write standard output")


@pytest.mark.parametrize("name", ["run_tests -v", "show_trace", "grade"])
def test_reader_that_goes_away(commands, name):
    assert shell(commands[name], "{} | true").stderr == ""


@pytest.mark.parametrize("name", ["run_tests", "show_trace", "grade"])
@pytest.mark.parametrize("limit", ["-f 0", "-n 10"])
def test_limits(commands, name, limit):
    one_line(shell(commands[name], f"ulimit {limit}; {{}}"), "ulimit")


@pytest.mark.parametrize("name", ["run_tests", "show_trace"])
def test_other_surroundings_change_nothing(commands, name):
    for around in ("env -u HOME {}", "LC_ALL=C PYTHONUTF8=0 PYTHONCOERCECLOCALE=0 {}", "{} <&-",
                   "{} 2>&-"):
        done = shell(commands[name], around)
        assert (done.returncode, done.stderr) == (0, ""), around


@pytest.mark.parametrize("role, without, missing", [
    ("student", "ltrace", ["ltrace"]), ("student", "clang", []), ("staff", "clang", ["clang"]),
    ("staff", "shellcheck", []), ("developer", "shellcheck", ["shellcheck"]),
])
def test_who_needs_which_package(tmp_path, role, without, missing):
    path = trial.path_without(without, tmp_path / "bin")
    done = shell(["checker/deps.sh", "--list", role], "{}", PATH=path)
    assert (done.returncode, done.stdout.split()) == (0, missing)


def test_an_unknown_role():
    one_line(shell(["checker/deps.sh", "nobody"], "{}"), "there is no 'nobody'")


def test_grading_installs_nothing(tmp_path):
    path = trial.path_without("bwrap", tmp_path / "bin")
    fake = tmp_path / "bin/apt-get"
    fake.unlink(missing_ok=True)
    fake.write_text(f"#!/bin/sh\ntouch {tmp_path}/called\n", encoding="ascii")
    fake.chmod(0o755)
    one_line(shell(["checker/grade", "--probe"], "{}", PATH=path),
             "grade: missing: bubblewrap; install it: checker/deps.sh staff")
    assert not (tmp_path / "called").exists()


@pytest.mark.parametrize("name", ["a b:c;d $i%j'k\"l\u00fc \u8a9e", "-l"])
def test_any_checkout_path(tmp_path, name):
    """The loader and ltrace split paths at spaces and colons; $ and % mean something to others."""
    tmp_path.chmod(0o755)
    place = tmp_path / name
    submit.copy_tree(place)
    trial.make_suite(place / "few", {"test-free-unmaps": 1, "test-free-null": 1})
    done = shell(["python3", "tests/run_tests.py", "--suite", "few"],
                 f"cd -- {shlex.quote(str(place))} && make -s -C src && {{}}")
    assert done.stdout.endswith("\nTotal: 2/2\n") and done.returncode == 0, done.stderr
    shown = shell([place / "tests/show_trace.py", place / "few/build/test-free-unmaps"], "{}")
    assert (shown.returncode, shown.stderr) == (0, ""), shown.stdout
    done = shell([place / "checker/grade", "--no-style", "--unprotected", "--suite", place / "few",
                  "--out", place / "out", "--name", "it", place], "{}")
    assert "Total: 90/90" in done.stdout, done.stdout + done.stderr
