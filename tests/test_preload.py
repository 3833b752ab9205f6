# SPDX-License-Identifier: BSD-3-Clause
"""Known programs on libosmalloc: some of those of `make preload-check` (preload.py)."""

import subprocess
import sys

import pytest

from tests import preload
from tests.conftest import ROOT

SCRIPT = ROOT / "tests/preload.py"


@pytest.mark.parametrize("name", ["bash", "perl", "python3", "git", "gcc", "redis"])
def test_prints_the_same(osmalloc, name):
    what, why = preload.verdict(name)
    if what == "skipped":
        pytest.skip(why)
    assert what == "passed", why


def test_a_difference_is_noticed(osmalloc, monkeypatch):
    """A program that says which malloc it has does not print the same."""
    monkeypatch.setitem(preload.CASES, "env", ([], "echo preloaded: $LD_PRELOAD"))
    what, why = preload.verdict("env")
    assert what == "failed" and "libosmalloc.so" in why


def test_what_fails_anyway_says_nothing(osmalloc, monkeypatch):
    monkeypatch.setitem(preload.CASES, "false", ([], "false"))
    assert preload.verdict("false")[0] == "failed"


def test_what_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(preload.CASES, "none", (["no-such-program"], "true"))
    assert preload.verdict("none") == ("skipped", "no no-such-program: apt-get install it")


def test_unknown_case():
    done = subprocess.run([sys.executable, SCRIPT, "nothing"], capture_output=True, text=True)
    assert done.returncode == 2 and "no case nothing: there are bash" in done.stderr
