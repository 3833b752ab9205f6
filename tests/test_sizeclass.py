# SPDX-License-Identifier: BSD-3-Clause
"""Size classes of libosmalloc, exhaustively: see sizeclass_table.c."""

import subprocess

from tests.conftest import ROOT, WARNINGS


def test_every_size_and_every_class(tmp_path):
    program = tmp_path / "sizeclass_table"
    subprocess.run(["gcc", "-O1", *WARNINGS, "-fsanitize=undefined", f"-I{ROOT / 'osmalloc'}",
                    ROOT / "tests/sizeclass_table.c", "-o", program], check=True)
    done = subprocess.run([program], capture_output=True, text=True, check=True)
    assert done.stdout == "76 classes, 131073 sizes\n"
    assert done.stderr == ""
