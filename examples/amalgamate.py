#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Print C files as one, with every file of osmalloc/, compat/ and utils/ that they need.

Usage: amalgamate.py FILE ...     paths that begin in osmalloc/, compat/ or utils/

A header is put where it is first included, and the .c file of the same name, if there is one,
behind all that came before it. What is in BESIDE stays an include.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = [ROOT / name for name in ("osmalloc", "compat", "utils")]
BESIDE = {"my_alloc.h"}
INCLUDE = re.compile(r'#include "([^"]+)"\n')


def find(name):
    """The path of what begins in one of FOLDERS; None when there is no such file."""
    paths = [folder / name for folder in FOLDERS]
    return next((path for path in paths if path.is_file()), None)


def amalgamate(names):
    """The text of the files and of all that they need."""
    queue, seen, parts = list(names), set(names), []

    def included(match):
        header = match.group(1)
        if header in BESIDE or header in seen:
            return match.group(0) if header in BESIDE else ""
        seen.add(header)
        source = Path(header).stem + ".c"
        if source not in seen and find(source):
            seen.add(source)
            queue.append(source)
        return expanded(header)

    def expanded(name):
        path = find(name)
        if not path:
            sys.exit(f"amalgamate: no {name} in osmalloc/, compat/ or utils/; "
                     "name a file that is there")
        return INCLUDE.sub(included, path.read_text())

    while queue:
        parts.append(expanded(queue.pop(0)))
    return "\n".join(parts)


if __name__ == "__main__":
    if len(sys.argv) == 1:
        sys.exit("amalgamate: no file named; name those to begin with, as examples/Makefile does")
    print("#define _GNU_SOURCE\n\n" + amalgamate(sys.argv[1:]), end="")
