# SPDX-License-Identifier: BSD-3-Clause
"""Every misuse of B4, one program each: the signal and the exact line, or the refusal."""

import re
import signal
import subprocess
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent
PROGRAMS = sorted((TESTS / "misuse").glob("*.c"))


def expectation(source):
    """What the program's "expect:" line says."""
    return re.search(r"^ \* expect: (.+)$", source.read_text(), re.M).group(1)


@pytest.mark.parametrize("source", PROGRAMS, ids=lambda path: path.stem)
def test_misuse(source, linked):
    """One line that names function, mistake and address, then SIGABRT; or EINVAL."""
    done = subprocess.run([linked(source)], capture_output=True, text=True, timeout=300)
    expected = expectation(source)
    if expected == "EINVAL":
        assert (done.returncode, done.stderr) == (0, "")
    else:
        assert done.stderr == f"osmem: {expected} {done.stdout}"
        assert done.returncode == -signal.SIGABRT


def test_every_misuse_says_what_to_expect():
    """No program is without an expectation, and both kinds exist."""
    kinds = {expectation(source) == "EINVAL" for source in PROGRAMS}
    assert kinds == {True, False}
