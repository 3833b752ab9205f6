# SPDX-License-Identifier: BSD-3-Clause
"""Builds the benchmark driver and the libraries it loads, and runs it.

BenchError is raised if something is missing or cannot run: its text is one line, cause and remedy.
"""

import os
import subprocess
from collections import namedtuple
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
BUILD = HERE / "build"

FLAGS = ["-std=gnu11", "-O2", "-g", "-Wall", "-Wextra"]
SOURCES = [HERE / "churn.c", HERE / "states.c"]
ARENA = [HERE / "arena.c", "-rdynamic"]     # the library is to find our brk() and sbrk()

# A library that is loaded late gets its thread-local variables from a reserve that is too small
# for jemalloc's by default (ld.so, rtld tunables).
ENVIRONMENT = {"GLIBC_TUNABLES": "glibc.rtld.optional_static_tls=65536", "LC_ALL": "C"}

TOO_LONG = 600      # seconds

# One run of the driver. state: a name in states.c; blocks: the scale; warmup, steps: operations
# before the first round, and in each.
Plan = namedtuple("Plan", "state blocks warmup rounds steps")


class BenchError(Exception):
    """Something is missing or cannot run: str(e) is one line, cause and remedy."""


def run_tool(command, what, **options):
    """Run a command; its standard output. BenchError if it fails (with its last words) or hangs."""
    options = {"env": {**os.environ, **ENVIRONMENT}, "check": False, "text": True,
               "timeout": TOO_LONG, **options}
    try:
        done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
    except FileNotFoundError:
        raise BenchError(f"{what}: {command[0]} is not installed; run make deps") from None
    except subprocess.TimeoutExpired:
        raise BenchError(f"{what}: not done after {TOO_LONG} s; is the machine busy?") from None
    if done.returncode:
        words = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        raise BenchError(f"{what}: {words}")
    return done.stdout


def build_driver():
    """The driver, on the break of its process like any program."""
    return _compile("churn", SOURCES)


def build_driver_with_arena():
    """The driver whose program break is a mapping, see arena.c."""
    return _compile("churn-arena", [*SOURCES, *ARENA])


def build_library():
    """libosmem.so, built as src/Makefile builds it."""
    return _make("src", BUILD / "osmem") / "libosmem.so"


def build_osmalloc():
    """libosmalloc.so, built as osmalloc/Makefile builds it."""
    return _make("osmalloc", BUILD / "osmalloc") / "libosmalloc.so"


def _make(folder, place):
    # A relative path: make splits one with spaces.
    out = os.path.relpath(place, ROOT / folder)
    run_tool(["make", "-s", "-C", ROOT / folder, f"O={out}"], "building the library")
    return place


def build_list_walk():
    """A library that follows the same contract by walking over all blocks in every call."""
    return _compile("liblistwalk.so", ["-shared", "-fPIC", "-DMISTAKE=NONE", f"-I{ROOT / 'utils'}",
                                       ROOT / "tests" / "naive_library.c"])


def _compile(name, arguments):
    BUILD.mkdir(exist_ok=True)
    run_tool(["gcc", *FLAGS, "-o", BUILD / name, *arguments], f"compiling {name}")
    return BUILD / name


def arguments(plan, allocators):
    """The driver's command line after its name; allocators as churn.c wants them."""
    return [plan.state, *map(str, plan[1:]), *allocators]


def measure(driver, plan, allocators):
    """Run the driver: {allocator's name: [nanoseconds per operation, one for each round]}."""
    names = " and ".join(word.split("=")[0] for word in allocators)
    output = run_tool([driver, *arguments(plan, allocators)],
                      f"{plan.state} with {plan.blocks} blocks, {names}")
    times = {}
    for line in output.splitlines():
        name, nanoseconds = line.split()
        times.setdefault(name, []).append(float(nanoseconds))
    return times
