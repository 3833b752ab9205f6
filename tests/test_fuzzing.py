# SPDX-License-Identifier: BSD-3-Clause
"""The fuzz driver (fuzzing/fuzz.h) with its corpus, seeded inputs and refused system calls.

Runs the default build and the hardened one.

The inputs are the same every time; `make fuzz` generates others for a given time. The second half
shows that the driver notices mistakes that a wrapper of the library makes (wrong.c).
"""

import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.fuzzing import build

CORPUS = sorted((ROOT / "tests/fuzzing/corpus").iterdir())
INPUTS = {"debug": 20, "plain": 60, "hardened": 20}
REFUSING = {"plain": 8, "hardened": 6}      # inputs whose system calls are refused in turn
# How many there are depends on where the kernel puts mappings: hardened has had 198 to 240.
LEAST_REFUSED = {"plain": 300, "hardened": 150}

MISTAKES = re.findall(r"^\t([A-Z_]+)(?: = 1)?,\t+/\*", (build.HERE / "wrong.c").read_text(), re.M)
SAID = {
    "OVERLAP": "overlaps a live block", "UNALIGNED": "not aligned", "NOT_ZERO": "not zero",
    "COPY": "contents lost", "NEIGHBOUR": "contents changed", "ERRNO": "errno changed",
    "NO_ERRNO": "NULL without ENOMEM", "GRANTS": "impossible size granted",
    "GIVES_UP": "NULL although there is memory", "LESS": "usable size below the request",
    "CHANGES": "usable size", "MOVES": "moved although it fits",
    "SPOILS": "contents changed", "ANY_POWER": "no EINVAL", "MEMPTR": "pointer changed on error",
    "FREE_ERRNO": "errno changed", "QUIET": "misuse not noticed", "CHILD": "the child failed",
    "CRASH": "killed by signal 11", "HANGS": "killed by signal 14",
}


def run(program, *arguments, folder):
    """The finished driver, findings in the folder."""
    return subprocess.run([program, "--out", folder, *arguments], capture_output=True, text=True,
                          timeout=300)


def numbers(done):
    """The numbers in the driver's last line: inputs, runs, operations, refusals."""
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("no finding: ")
    return [int(number) for number in re.findall(r"\d+", done.stdout)]


@pytest.fixture(scope="module")
def drivers(tmp_path_factory):
    """Name of a build -> the driver."""
    with ThreadPoolExecutor() as pool:
        folders = map(tmp_path_factory.mktemp, INPUTS)
        return dict(zip(INPUTS, pool.map(build.build, INPUTS, folders)))


@pytest.mark.parametrize("name", INPUTS)
def test_the_corpus_has_no_finding(drivers, name, tmp_path):
    done = run(drivers[name], *CORPUS, folder=tmp_path)
    assert numbers(done)[0] == len(CORPUS) > 30


@pytest.mark.parametrize("name", INPUTS)
def test_seeded_inputs_have_no_finding(drivers, name, tmp_path):
    done = run(drivers[name], "--seed=1", f"--inputs={INPUTS[name]}", folder=tmp_path)
    inputs, runs, operations, refused = numbers(done)
    assert inputs == runs == INPUTS[name]
    assert operations > 50 * inputs and refused > inputs


@pytest.mark.parametrize("name", REFUSING)
def test_every_system_call_refused(drivers, name, tmp_path, capsys):
    """The k-th one, for every k, and the k-th to k+2nd, but those at the end; then all goes on."""
    done = run(drivers[name], "--seed=2", "--refuse-each", f"--inputs={REFUSING[name]}",
               folder=tmp_path)
    inputs, runs, _, refused = numbers(done)
    with capsys.disabled():
        print(f"\n{name}: {inputs} inputs, {runs} runs with {refused} refused system calls")
    assert min(refused, runs - inputs) >= LEAST_REFUSED[name]


# ---- mistakes are noticed -------------------------------------------------------------------

def test_mistakes_are_named():
    assert MISTAKES == list(SAID)


@pytest.mark.parametrize("mistake", SAID)
def test_a_mistake_is_noticed(drivers, mistake, tmp_path):
    wrong = build.build_with_mistake(mistake, drivers["plain"].parent, tmp_path / "wrong")
    done = run(wrong, "--seed=3", "--inputs=300", "--whole", "--limit=2", folder=tmp_path)
    assert done.returncode == 1, done.stdout
    assert SAID[mistake] in done.stderr


def test_a_finding_is_made_shorter_and_can_be_run_again(drivers, tmp_path):
    wrong = build.build_with_mistake("COPY", drivers["plain"].parent, tmp_path / "wrong")
    done = run(wrong, "--seed=3", "--inputs=300", folder=tmp_path)
    count, path, again = re.search(r"^fuzz: (\d+) operations in (\S+); again: (.*)$", done.stderr,
                                   re.M).groups()
    assert int(count) <= 3 and Path(path).stat().st_size < 32
    repeated = subprocess.run(again.split(), capture_output=True, text=True)
    assert repeated.returncode < 0
    assert "contents lost" in repeated.stderr


# ---- the command ----------------------------------------------------------------------------

def test_input_comes_on_stdin_as_well(drivers):
    done = subprocess.run([drivers["plain"], "-v"], input=b"\0" + bytes(8), capture_output=True)
    assert done.returncode == 0
    assert done.stderr.startswith(b"malloc(0)\n")


@pytest.mark.parametrize("arguments, said", [
    (["--nonsense"], "usage: "), (["/nowhere/input"], "/nowhere/input: cannot read: No such"),
])
def test_wrong_arguments_are_explained(drivers, arguments, said):
    done = subprocess.run([drivers["plain"], *arguments], capture_output=True, text=True)
    assert done.returncode == 2
    assert said in done.stderr
