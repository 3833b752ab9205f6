# SPDX-License-Identifier: BSD-3-Clause
"""The number of instructions that libosmalloc's operations take with few and many live blocks."""

import os
import re
import shutil
import subprocess

import pytest

from tests.conftest import ROOT, WARNINGS

# Path -> live blocks, few and many; or how long a single one is, in units of 32 KiB.
COUNTS = {"replace-slot": (400, 16000), "add-slot": (400, 16000), "drop-slot": (400, 16000),
          "replace-span": (400, 9000), "add-span": (400, 9000), "drop-span": (400, 9000),
          "replace-aligned": (4000, 16000), "add-aligned": (4000, 16000),
          "change-length": (600, 8000)}
# With few blocks, chunks have fewer units, and a search meets fewer of them.
TIMES_MOST = 1.6


@pytest.fixture(scope="module")
def instructions(osmalloc, tmp_path_factory):
    """A function: path, live blocks -> instructions of the path's operations."""
    if not shutil.which("valgrind"):
        pytest.skip("valgrind is missing: apt-get install valgrind")
    folder = tmp_path_factory.mktemp("growth")
    subprocess.run(["gcc", "-O1", *WARNINGS, "-fno-builtin", ROOT / "tests/growth/paths.c", "-o",
                    folder / "paths"], check=True)

    def count(path, blocks):
        out = folder / "callgrind.out"
        subprocess.run(["valgrind", "-q", "--vgdb=no", "--tool=callgrind",
                        "--toggle-collect=measured", f"--callgrind-out-file={out}",
                        folder / "paths", path, str(blocks)],
                       check=True, env={**os.environ,
                                        "LD_PRELOAD": str(osmalloc / "libosmalloc.so")})
        return int(re.search(r"^(?:totals|summary): (\d+)", out.read_text(), re.M).group(1))
    return count


@pytest.mark.parametrize("path", COUNTS)
def test_many_blocks_make_no_operation_slower(instructions, path):
    few, many = COUNTS[path]
    assert 0 < instructions(path, many) <= TIMES_MOST * instructions(path, few)


def test_a_walk_is_noticed(instructions):
    """malloc_trim() visits every chunk and slab, as it must."""
    assert instructions("trim", 16000) > 5 * instructions("trim", 400)
