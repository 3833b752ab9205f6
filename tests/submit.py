# SPDX-License-Identifier: BSD-3-Clause
"""What the tests of the grader share: submissions made from text, graded with a small suite."""

import json
import shutil
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

import pytest

from checker import tree
from checker.course import Course, Settings
from checker.submission import grade_submission
from tests import small_suite
from tests.harness.sandbox import sandbox

ROOT = small_suite.ROOT

NAIVE = (ROOT / "tests/naive_library.c").read_text(encoding="ascii")
STUB = """\
// SPDX-License-Identifier: BSD-3-Clause

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


def copy_tree(place):
    """Copy this repository, without anything that a build makes, to the new directory `place`."""
    for path in tree.files("*"):
        copy = Path(place) / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    return Path(place)


def naive(mistake="NONE", extra=""):
    """The text of a submission: the contract in its shortest form with one mistake."""
    return f"#define MISTAKE {mistake}\n{NAIVE}\n{extra}"


def submission(folder, source=STUB, **more):
    """A folder with src/osmem.c, and src/NAME.c for each further NAME."""
    (folder / "src").mkdir(parents=True)
    for stem, text in {"osmem": source, **more}.items():
        (folder / "src" / f"{stem}.c").write_text(text, encoding="utf-8")
    return folder


@lru_cache(maxsize=None)
def box(*without):
    """The sandbox of this machine, without some of its layers."""
    return sandbox.Sandbox(without)


def want_protection():
    """Skip a test that runs the command line where it would refuse to grade."""
    if box().missing():
        pytest.skip("submissions are not protected here: " + "; ".join(box().report()))


@lru_cache(maxsize=None)
def course(**settings):
    """The Course of a few programs (small_suite.PART) without style, unless told otherwise."""
    chosen = {"suite": small_suite.part_suite(), "style": False, **settings}
    return Course(Settings(**chosen))


def graded(path, without=(), **settings):
    """The Result of one submission, graded in this process."""
    return grade_submission(path, Path(path).name, course(**settings), box(*without), 2)


def stop_soon(monkeypatch):
    """From now on, what is graded in this process may use 1 s of processor time a program, half of
    what is usual: time enough for all but those that hang."""
    monkeypatch.setitem(sandbox.PROGRAM_LIMITS, "cpu", 1)


def result_of(folder, source, **settings):
    """The Result of a submission that is this text."""
    return graded(submission(folder, source), **settings)


def grade(*words):
    """Run the command line of checker/grade in a process of its own."""
    return subprocess.run([sys.executable, str(ROOT), *map(str, words)],
                          text=True, capture_output=True, check=False, timeout=500)


def status_fields(pid):
    """What /proc/PID/stat says after the name: state, parent, ...; none if there is no process."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()
    except OSError:
        return []


def document(out, name):
    """The JSON document of one submission's result below --out."""
    return json.loads((Path(out) / name / "result.json").read_text(encoding="utf-8"))
