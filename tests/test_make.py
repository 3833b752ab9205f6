# SPDX-License-Identifier: BSD-3-Clause
"""Several commands that build in the same fresh tree at once, and a make that is killed."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests import small_suite, submit
from tests.harness import build
from tests.small_suite import ROOT

COMMANDS = {
    "make": ["make"],
    "examples": ["make", "-C", "examples"],
    "demo": ["make", "-C", "examples", "demo"],
    "suite": [sys.executable, "tests/run_tests.py", "--suite", "few"],
    "grade": [sys.executable, ".", "--no-files", "--no-style", "--unprotected",
              "--suite", "few", "."],
}
# Works, then cuts what it wrote in half and kills make with all that make has started.
KILLER = """#!/bin/bash
%s "$@" || exit
while [[ $1 != -o && $1 != rcs ]]; do shift; done
truncate -s $(($(stat -c %%s "$2") / 2)) "$2"
kill -9 0
"""


@pytest.fixture(name="fresh")
def fixture_fresh(tmp_path):
    """A copy of the repository in which nothing is built yet."""
    tmp_path.chmod(0o755)
    place = submit.copy_tree(tmp_path / "osmem")
    small_suite.make_suite(place / "few", {"test-free-unmaps": 1, "test-free-null": 1})
    return place


def test_all_at_once_in_a_fresh_tree(fresh, tmp_path):
    # -O0: no build relies on the optimiser. The demo shows one short text.
    quick = {**os.environ, "CFLAGS": "-O0", "TEXTS": "/usr/share/common-licenses/BSD"}
    started = {}
    for number in (1, 2):
        for name, words in COMMANDS.items():
            with open(tmp_path / f"{name}-{number}", "wb") as log:
                started[log.name] = subprocess.Popen(words, cwd=fresh, env=quick, stdout=log,
                                                     stdin=subprocess.DEVNULL, stderr=log)
    statuses = {name: process.wait() for name, process in started.items()}
    failed = [name for name, status in statuses.items() if status]
    assert not failed, "\n".join(Path(name).read_text(encoding="utf-8") for name in failed)
    assert not list(fresh.glob("*/**/.part-*"))


@pytest.mark.parametrize("tool", ["cc", "ld", "ar"])
def test_a_make_that_is_killed_leaves_no_half_file(tmp_path, tool):
    submit.submission(tmp_path)
    shutil.copytree(ROOT / "utils", tmp_path / "utils")
    shutil.copy(ROOT / "src/Makefile", tmp_path / "src")
    killer = tmp_path / "killer"
    killer.write_text(KILLER % tool, encoding="ascii")
    killer.chmod(0o755)
    make = ["make", "-s", "-C", tmp_path / "src"]
    killed = subprocess.run([*make, f"{tool.upper()}={killer}"], start_new_session=True,
                            check=False)
    assert killed.returncode == -signal.SIGKILL
    subprocess.run(make, check=True)
    build.check_library(tmp_path / "src")
    subprocess.run([*make, "clean"], check=True)
    assert {path.name for path in (tmp_path / "src").iterdir()} == {"Makefile", "osmem.c"}
