# SPDX-License-Identifier: BSD-3-Clause
"""Remote frees, pending-free queues, thread exit, adoption, fork in every order (model/remote.pml).

spin turns the model into a C program, pan, that visits all its states: none breaks an invariant,
and of each mistake that the model can make one does. MODEL=large in the environment searches
longer runs of more threads, slabs and slots as well (make model).
"""

import functools
import os
import re
import shutil
import subprocess
from collections import namedtuple

import pytest

from tests.conftest import ROOT

MODEL = ROOT / "tests/model/remote.pml"
LARGE = os.environ.get("MODEL") == "large"
COMPILE = ["gcc", "-w", "-DSAFETY", "-DNOREDUCE", "-DCOLLAPSE", "-DMEMLIM=5000"]  # in MiB

# Definitions; the number of states, since fewer would mean that less was searched; and whether
# every line of thread() is reached.
Size = namedtuple("Size", "definitions states reached")
SIZES = {
    "owner": Size("STEPS=5 OTHERS=1", 3645255, True),
    "linked": Size("STEPS=2 OTHERS=2 LINKED=1", 1467374, False),
    "one slot": Size("SLOTS=1 STEPS=4 OTHERS=2", 1175216, False),
}
LONG = {
    "longer": Size("STEPS=5 OTHERS=4", 65189472, True),
    "longer, linked": Size("STEPS=5 OTHERS=4 LINKED=1", 67946938, True),
    "three slots": Size("SLOTS=3 STEPS=4 OTHERS=3 LINKED=1", 80118800, False),
    "three threads": Size("THREADS=3 STEPS=2 OTHERS=1", 27669439, False),
    "two slabs": Size("SLABS=2 STEPS=2 OTHERS=2", 15878605, False),
}
if LARGE:
    SIZES.update(LONG)

# Where a mistake shows that does not in the shortest runs.
SHOWS = {
    "DETACHED_UNCOUNTED": SIZES["owner"].definitions,
    "CLOSABLE_UNCOUNTED": "STEPS=3 OTHERS=3",
    "NEXT_READ_LATE": "STEPS=2 OTHERS=2 SLABS=2",
}
MISTAKES = dict(re.findall(r"^#define ([A-Z_]+)\t+([1-9]\d*)\t/\* [^:\n]+: ", MODEL.read_text(),
                           re.M))


@pytest.fixture(scope="module")
def search(tmp_path_factory):
    """A function: definitions, number of a mistake or 0 -> what pan says, how to see the way."""
    if not shutil.which("spin"):
        pytest.skip("spin is missing: apt-get install spin")

    @functools.lru_cache(maxsize=None)
    def made(definitions):
        place = tmp_path_factory.mktemp("model")
        subprocess.run(["spin", "-a", *("-D" + word for word in definitions.split()), MODEL],
                       cwd=place, check=True, stdout=subprocess.DEVNULL)
        # -O2 takes ten seconds, which a short search does not bring in again.
        level = "-O2" if definitions in [size.definitions for size in LONG.values()] else "-O0"
        subprocess.run([*COMPILE, level, "pan.c", "-o", "pan"], cwd=place, check=True)
        return place

    @functools.lru_cache(maxsize=None)
    def run(definitions, mistake="0"):
        # -E: in the child of a fork, other threads stop anywhere.
        done = subprocess.run(["./pan", "-E", "-m200000"], cwd=made(definitions), check=False,
                              env={**os.environ, "WRONG": mistake}, capture_output=True,
                              text=True, timeout=900)
        return done.stdout, f"step by step: cd {made(definitions)} && ./pan -r remote.pml.trail"
    return run


def unreached(said):
    """The lines of the model that no state of thread() is on, without those of mistakes."""
    listed = said.split("unreached in proctype thread")[1].split("unreached in init")[0]
    source = MODEL.read_text().splitlines()
    lines = {int(number) for number in re.findall(r"remote\.pml:(\d+),", listed)}
    return [f"{line}: {source[line - 1].strip()}" for line in sorted(lines)
            if "/* wrong */" not in source[line - 1]]


@pytest.mark.parametrize("size", SIZES)
def test_no_order_breaks_an_invariant(search, size, capsys):
    said, way = search(SIZES[size].definitions)
    assert "assertion violated" not in said, re.search("pan:1: .*", said).group() + "\n" + way
    assert "errors: 0" in said and "Search not completed" not in said, said
    states = int(re.search(r"(\d+) states, stored", said).group(1))
    if LARGE:
        with capsys.disabled():
            print(f"\n{size} ({SIZES[size].definitions}): {states} states")
    assert states >= SIZES[size].states


@pytest.mark.parametrize("size", [size for size in SIZES if SIZES[size].reached])
def test_every_line_is_reached(search, size):
    assert unreached(search(SIZES[size].definitions)[0]) == []


def test_a_line_that_is_not_reached_is_seen(search):
    assert unreached(search(SIZES["linked"].definitions)[0])


def test_mistakes_are_numbered():
    assert [int(number) for number in MISTAKES.values()] == list(range(1, 25))


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_found(search, mistake):
    said, _ = search(SHOWS.get(mistake, SIZES["linked"].definitions), MISTAKES[mistake])
    assert "assertion violated" in said


def test_invariants_have_the_numbers_of_the_headers():
    numbers = set(re.findall(r"/\* ((?:slab|heap) \d) \*/", MODEL.read_text()))
    assert numbers == {"slab 2", "slab 4", "slab 5", "slab 6",
                       "heap 2", "heap 4", "heap 5", "heap 6"}
    for header in ("slab", "heap"):
        text = (ROOT / f"osmalloc/{header}.h").read_text()
        promised = re.findall(r"^ \*  (\d)\. ", text.split("remote.pml")[1].split("*/")[0], re.M)
        assert promised and {f"{header} {number}" for number in promised} <= numbers
