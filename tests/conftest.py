# SPDX-License-Identifier: BSD-3-Clause
"""What the pytest tests share: the built library and programs linked with it."""

import os
import shlex
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# What tests of several files build in the tree when it is not there: arguments of make.
SHARED = [["src"], ["osmalloc"], ["compat"], ["examples"],
          ["src", "O=../bench/build/osmem"],
          ["osmalloc", "O=../bench/build/osmalloc"]]
WARNINGS = ["-Wall", "-Wextra", "-Werror"]
# For another C library or processor (tests/port.sh): the compiler, what comes behind the source,
# what runs the programs, and where the libraries are built.
CC = shlex.split(os.environ.get("PORT_CC", "gcc"))
LINK = shlex.split(os.environ.get("PORT_LINK", ""))
EMULATOR = shlex.split(os.environ.get("PORT_EMULATOR", ""))
LIBRARIES = os.environ.get("PORT_LIBRARIES")

# The files that take longest. Parallel runs begin with them, so that none is left for the end, when
# the other workers have nothing to do.
LONGEST = ("test_class.py", "test_causes.py", "test_explain.py", "test_grade_hostile.py",
           "test_remote_model.py", "test_hardened.py", "test_make.py", "test_random.py")


def pytest_collection_modifyitems(items):
    """Put the longest files first."""
    items.sort(key=lambda item: item.path.name not in LONGEST)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers():
    """Two workers more than there are cores: some tests wait for a time-out."""
    return len(os.sched_getaffinity(0)) + 2


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes():
    """Build what is shared before tests run side by side; what fails, the tests say."""
    for arguments in SHARED:
        subprocess.run(["make", "-s", "-C", *arguments], cwd=ROOT, check=False)


def built(folder):
    """A folder with libraries, up to date."""
    if LIBRARIES:
        return Path(LIBRARIES) / folder
    subprocess.run(["make", "-s", "-C", ROOT / folder], check=True)
    return ROOT / folder


@pytest.fixture(scope="session")
def library():
    """The folder with libosmem.so and libosmem.a, up to date."""
    return built("src")


@pytest.fixture(scope="session")
def osmalloc():
    """The folder with libosmalloc.so and libosmalloc.a, up to date."""
    return built("osmalloc")


@pytest.fixture(scope="session")
def compat():
    """The folder with the wrappers' libraries, up to date."""
    return built("compat")


@pytest.fixture
def linked(library, tmp_path):
    """A function: C file (and more compiler arguments) -> program linked with libosmem.a."""
    def build(source, *more):
        program = tmp_path / Path(source).stem
        subprocess.run(["gcc", "-O1", "-g", *WARNINGS, f"-I{ROOT / 'utils'}", *more, source,
                        library / "libosmem.a", "-pthread", "-o", program], check=True)
        return program
    return build


@pytest.fixture(scope="session")
def debug_library(tmp_path_factory):
    """The folder with the libosmem that audits itself."""
    place = tmp_path_factory.mktemp("debug")
    subprocess.run(["make", "-s", "-C", ROOT / "src", "debug", f"DEBUG={place}"], check=True)
    return place
