# SPDX-License-Identifier: BSD-3-Clause
"""What the tests of run_tests.py share: small suites, wrong libraries, runs of it."""

import atexit
import json
import os
import shutil
import subprocess
import sys
import tempfile
from functools import lru_cache
from pathlib import Path

TESTS = Path(__file__).resolve().parent
ROOT = TESTS.parent
SCRIPT = TESTS / "run_tests.py"

# A part of the suite that fails in different ways: name -> points.
PART = {
    "test-malloc-first-use-preallocates": 1,
    "test-malloc-grows-free-last": 2,
    "test-calloc-zeroes-reused-block": 1,
    "test-realloc-mapping-resizes": 12,
    "test-free-null": 1,
    "test-free-unmaps": 3,
}


@lru_cache(maxsize=None)
def scratch():
    """A directory for what this module builds, which programs run as nobody can enter."""
    place = Path(tempfile.mkdtemp(prefix="osmem-suite-"))
    place.chmod(0o755)
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    return place


@lru_cache(maxsize=None)
def library(mistake="NONE"):
    """The directory of a library built from naive_library.c with one mistake."""
    place = scratch() / mistake
    place.mkdir(exist_ok=True)
    subprocess.run(["gcc", "-O1", "-g", "-Wall", "-Werror", "-shared", "-fPIC",
                    f"-DMISTAKE={mistake}", f"-I{ROOT / 'utils'}", TESTS / "naive_library.c",
                    "-o", place / "libosmem.so"], check=True)
    return str(place)


def make_suite(place, part):
    """A suite in directory `place` with some of the programs, in this order, name -> points."""
    place = Path(place)
    for folder in ("snippets", "ref"):
        (place / folder).mkdir(parents=True)
    shutil.copy(TESTS / "snippets/snippet.h", place / "snippets")
    for name in part:
        shutil.copy(TESTS / f"snippets/{name}.c", place / "snippets")
        for file in (TESTS / "ref").glob(f"{name}.*"):
            shutil.copy(file, place / "ref")
    write_suite(place, {name: {"points": points, "group": name.split("-")[1]}
                        for name, points in part.items()})
    return str(place)


def write_suite(place, tests, **more):
    """Write suite.json, with `more` members beside the tests."""
    (Path(place) / "suite.json").write_text(json.dumps({"tests": tests, **more}), encoding="utf-8")


def add_program(place, name, body, reference="exit(0)\n", **properties):
    """Add a program whose main() has this body to the suite in directory `place`."""
    place = Path(place)
    source = f'#include "snippet.h"\nint main(void)\n{{\n{body}\n\treturn 0;\n}}\n'
    (place / f"snippets/{name}.c").write_text(source, encoding="utf-8")
    (place / f"ref/{name}.ref").write_text(reference, encoding="utf-8")
    path = place / "suite.json"
    tests = json.loads(path.read_text())["tests"]
    write_suite(place, {**tests, name: {"points": 1, "group": "own", **properties}})


@lru_cache(maxsize=None)
def part_suite():
    """The directory of a suite with the programs of PART; nobody may change it."""
    return make_suite(scratch() / "part", PART)


def command(*args):
    """The argument list of one run of run_tests.py."""
    return [sys.executable, str(SCRIPT), *map(str, args)]


def run(*args, cwd=None, **environment):
    """Run run_tests.py: the CompletedProcess, with text. `environment` is added to ours."""
    return subprocess.run(command(*args), cwd=cwd, env={**os.environ, **environment}, text=True,
                          stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=600)


def run_part(mistake, *args, **more):
    """Run the programs of PART on a library with one mistake."""
    return run("--suite", part_suite(), "--library", library(mistake), *args, **more)


def path_without(tool, place):
    """A PATH on which all commands are but one; `place` is a directory to make it in."""
    place.mkdir()
    for folder in reversed(os.environ["PATH"].split(os.pathsep)):
        for name in os.listdir(folder) if os.path.isdir(folder) else ():
            link = place / name
            if name != tool:
                link.unlink(missing_ok=True)
                link.symlink_to(os.path.join(folder, name))
    return str(place)
