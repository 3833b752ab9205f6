# SPDX-License-Identifier: BSD-3-Clause
"""`make distros`: its names are checked; a mirror that does not answer is a skip, not a pass."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def run(tmp_path, *names, debootstrap="exit 1"):
    """tests/distros.sh of a copy of the tree's top, with a debootstrap of our own."""
    tree = tmp_path / "checkout"
    (tree / "tests").mkdir(parents=True)
    shutil.copy(ROOT / "tests/distros.sh", tree / "tests")
    tools = tmp_path / "bin"
    tools.mkdir()
    for name, text in (("debootstrap", debootstrap), ("bwrap", "exit 1"), ("git", "exit 1")):
        (tools / name).write_text(f"#!/bin/sh\n{text}\n")
        (tools / name).chmod(0o755)
    return subprocess.run([tree / "tests/distros.sh", *names], capture_output=True, text=True,
                          check=False, env={**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"})


def test_an_unknown_distribution_is_named(tmp_path):
    """Exit 2 and one line, before anything is downloaded."""
    done = run(tmp_path, "trixie", "hoary", debootstrap="touch $0.ran")
    assert done.returncode == 2
    assert done.stderr == ("distros: there is no 'hoary'; "
                           "name some of bookworm trixie jammy noble\n")
    assert not (tmp_path / "bin/debootstrap.ran").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="debootstrap needs root")
def test_a_mirror_that_does_not_answer_is_a_skip(tmp_path):
    """The distribution is named, with debootstrap's own reason."""
    done = run(tmp_path, "trixie", debootstrap="echo E: Failed getting release file X; exit 1")
    assert done.stdout.splitlines() == [
        "trixie    root       skipped   (E: Failed getting release file X)",
        "0 passed, 0 failed, 1 skipped"]
    assert done.returncode == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="debootstrap needs root")
def test_another_failure_is_no_skip(tmp_path):
    """A download that fails for another reason than a silent mirror has failed."""
    done = run(tmp_path, "bookworm", debootstrap="echo E: Couldn\\'t unpack; exit 1")
    assert done.stdout.splitlines()[-1] == "0 passed, 1 failed, 0 skipped"
    assert "Couldn't unpack" in done.stdout
    assert done.returncode == 1
