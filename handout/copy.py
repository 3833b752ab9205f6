# SPDX-License-Identifier: BSD-3-Clause
"""Make the folder that a student starts from: the files in this folder, and the repository's
headers, tests and contract. It holds nothing of the library.

Usage: copy.py DIR

DIR must not exist. Exit status: 0 made; 2 not made, and one line says why.
"""

import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
TAKEN = ("utils/osmem.h", "utils/block_meta.h", "utils/printf.h", "utils/printf.c",
         "tests/run_tests.py", "tests/show_trace.py", "tests/random_calls.py", "tests/suite.json",
         "tests/snippets", "tests/ref", "tests/harness", "docs/contract.md", "docs/rules.md",
         "docs/students.md", "LICENSE", "VERSION")
LEFT_OUT = shutil.ignore_patterns("copy.py", "__pycache__", "*.o", "*.so", "built-with", "build")


def make(place):
    """Make the folder `place`. Raises OSError if that fails."""
    shutil.copytree(HERE, place, ignore=LEFT_OUT)
    for name in TAKEN:
        source, target = ROOT / name, place / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=LEFT_OUT)
        else:
            shutil.copy(source, target)


def main(words):
    """Run the command line `words`; returns the exit status."""
    if len(words) != 1 or not words[0]:
        return refuse("name the folder to make: make skeleton DIR=path")
    place = Path(words[0])
    if place.exists() or place.is_symlink():
        return refuse(f"{place} already exists; name a folder that does not")
    try:
        make(place)
    except OSError as error:
        return refuse(f"cannot make {place}: {error.strerror or error}; name another folder")
    print(f"{place} is ready; its README.md says how to start")
    return 0


def refuse(reason):
    """Print one line that says why nothing was made; returns the exit status."""
    print(f"skeleton: {reason}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
