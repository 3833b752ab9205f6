# SPDX-License-Identifier: BSD-3-Clause
"""Make the folder that a student starts from: what is here, and of the repository the headers,
the tests and the contract; no library.

Usage: copy.py DIR

DIR must not exist. Exit status: 0 made, 2 not made, with one line that says why.
"""

import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
TAKEN = ("utils/osmem.h", "utils/block_meta.h", "utils/printf.h", "utils/printf.c",
         "tests/run_tests.py", "tests/show_trace.py", "tests/fuzz.py", "tests/suite.json",
         "tests/snippets", "tests/ref", "tests/harness", "docs/contract.md", "docs/rules.md",
         "LICENSE")
LEFT_OUT = shutil.ignore_patterns("copy.py", "__pycache__", "*.o", "*.so", "built-with", "build")


def make(place):
    """Make the folder `place`. OSError if that is not possible."""
    shutil.copytree(HERE, place, ignore=LEFT_OUT)
    for name in TAKEN:
        source, target = ROOT / name, place / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=LEFT_OUT)
        else:
            shutil.copy(source, target)


def main(words):
    """Run the command line; the exit status."""
    if len(words) != 1 or not words[0]:
        return refuse("name the folder to make: make skeleton DIR=path")
    place = Path(words[0])
    if place.exists() or place.is_symlink():
        return refuse(f"{place} exists and is left as it is; name a folder that does not")
    try:
        make(place)
    except OSError as error:
        return refuse(f"cannot make {place}: {error.strerror or error}; name another folder")
    print(f"{place} is ready: README.md in it says how to begin")
    return 0


def refuse(reason):
    """Say in one line why nothing was made."""
    print(f"skeleton: {reason}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
