#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Measure libosmalloc beside glibc, jemalloc, mimalloc and tcmalloc: time and resident memory.

The full run takes about ten minutes and writes to bench/results/family, which is committed; others
write to bench/build/family. See bench/README.md for what is measured and how.
"""

import argparse
import sys
import tempfile
from collections import namedtuple
from pathlib import Path

import allocators
import driver
import machine
import programs
import ratios

FAMILY = driver.HERE / "family"
FLAGS = ["-std=gnu11", "-O2", "-g", "-Wall", "-Wextra", "-fno-builtin", "-pthread"]
RESULTS = driver.HERE / "results" / "family"
QUICK_RESULTS = driver.BUILD / "family"
# Preloaded as well: some programs (redis) come with another allocator of their own.
GLIBC = "libc.so.6"

FULL_SCALE, FULL_REPETITIONS = 100, 7
QUICK_SCALE, QUICK_REPETITIONS = 30, 3

# One row of the table. clock: "cpu" or "wall"; run: a function, library -> {figure: number},
# which raises BenchError.
Row = namedtuple("Row", "name clock run")


def build():
    """(the driver of the workloads, the launcher of programs)."""
    driver.BUILD.mkdir(exist_ok=True)
    sources = [FAMILY / name for name in ("main.c", "tools.c", "small.c", "large.c", "memory.c",
                                          "threads.c")]
    for name, files in (("work", sources), ("launch", [FAMILY / "launch.c"])):
        driver.run_tool(["gcc", *FLAGS, "-o", driver.BUILD / name, *files], f"compiling {name}")
    return driver.BUILD / "work", driver.BUILD / "launch"


def run_work(work, name, scale, library):
    """One run of a workload: {figure: number}."""
    output = driver.run_tool([work, name, scale], name, env={"LD_PRELOAD": str(library)})
    words = dict(line.split(" ", 1) for line in output.splitlines())
    if Path(words.pop("malloc")).name != Path(library).name:
        raise driver.BenchError(f"{library}: cannot be preloaded, or has no malloc")
    return {name: int(word) for name, word in words.items()}


def workloads(work):
    """[(name, clock)] of all that the driver has."""
    return [tuple(line.split()) for line in driver.run_tool([work, "--list"], "work").splitlines()]


def work_rows(work, scale):
    """The rows of the workloads written here."""
    return [Row(name, clock, lambda library, name=name: run_work(work, name, scale, library))
            for name, clock in workloads(work)]


class ProgramRun:
    """A real program as a row; remembers what it printed the first time."""

    def __init__(self, program, launch):
        self.program, self.launch = program, launch
        self.printed = None

    def __call__(self, library):
        with tempfile.TemporaryDirectory() as scratch:
            output, found = self.program.run(self.launch, library, Path(scratch))
        self.printed = output if self.printed is None else self.printed
        if output != self.printed:
            raise driver.BenchError(f"{self.program.name}: printed something else than before")
        return found


def program_rows(launch, found):
    """The rows of real programs."""
    return [Row(program.name, "cpu", ProgramRun(program, launch)) for program in found]


def sample(row, name, library, repetition):
    """Run a row once with one allocator."""
    try:
        found = row.run(library)
    except driver.BenchError as error:
        return ratios.Sample(row.name, row.clock, name, repetition, 0, 0, 0, 0, {}, str(error))
    known = {key: found.pop(key, 0) for key in ("wall", "cpu", "peak", "operations")}
    for key in ("asked", "returned"):
        found.pop(key, None)
    return ratios.Sample(row.name, row.clock, name, repetition, *known.values(), found, "")


def measure(row, libraries, repetitions):
    """All samples of a row: in each repetition every allocator once, each time another first."""
    names = list(libraries)
    samples = []
    for repetition in range(repetitions):
        turn = repetition % len(names)
        samples += [sample(row, name, libraries[name], repetition)
                    for name in names[turn:] + names[:turn]]
    return sorted(samples, key=lambda one: names.index(one.allocator))


def progress(samples):
    """A line for the person who waits."""
    row = ratios.figures(samples)[samples[0].row]
    times, peaks = ratios.to_best(row, "time"), ratios.to_best(row, "peak")
    cells = (f"{name} {times[name]:.2f}/{peaks[name]:.2f}" if one else f"{name} failed"
             for name, one in row.items())
    print(f"{samples[0].row:<10}" + "  ".join(cells), flush=True)
    for reason in dict.fromkeys(one.failed for one in samples if one.failed):
        print(f"  failed: {reason}", flush=True)


def page(samples, facts, missing):
    """The page of results, Markdown."""
    rows = ratios.figures(samples)
    failed = dict.fromkeys((one.row, one.allocator, one.failed) for one in samples if one.failed)
    return "\n\n".join([
        "<!-- Written by bench/compare.py; not to be edited. -->\n# The malloc family side by side",
        "What is measured, and how: [bench/README.md](../../README.md).",
        *(f"**{line}**" for line in missing),
        *(f"**{row} failed with {name}: {reason}**" for row, name, reason in failed),
        "Time / peak resident memory, each relative to the best of the row:",
        ratios.ratio_table(rows),
        "## Medians",
        "Per operation where the workload counts them, else of the whole run.",
        ratios.absolute_table(rows),
        "## What else the rows say", ratios.notes_table(rows),
        "## Machine", *(f"- {fact}: {value}" for fact, value in facts)]) + "\n"


def peers(work, wanted):
    """({name: library}, [a line for each that is left out]). wanted: names, or None for all."""
    def why_not(name, library):
        try:
            run_work(work, "pairs", 1, library)
        except driver.BenchError as error:
            return str(error)
        return None

    others = [other for other in allocators.OTHERS if wanted is None or other.name in wanted]
    found, missing = allocators.find(why_not, others)
    own = {"glibc": GLIBC} if wanted is None or "glibc" in wanted else {}
    return {**own, **found}, missing


def choose(rows, names):
    """The rows of those names, all when there are none; BenchError for one that there is not."""
    unknown = [name for name in names if name not in [row.name for row in rows]]
    if unknown:
        raise driver.BenchError(f"no row {unknown[0]}; there are "
                                + ", ".join(row.name for row in rows))
    return [row for row in rows if not names or row.name in names]


def libraries_of(options, work):
    """({name: library}, [a line for each allocator that is left out]), ours first."""
    extra = dict(word.split("=", 1) for word in options.allocator)
    for name, path in extra.items():
        if not Path(path).is_file():
            raise driver.BenchError(f"--allocator {name}: no file {path}")
    others, missing = peers(work, options.peers)
    driver.build_library()
    ours = {"osmalloc": driver.BUILD / "libosmalloc.so"}
    extra = {name: Path(path).resolve() for name, path in extra.items()}
    return {**ours, **extra, **others}, missing


def run(options):
    """Build, measure, write, print."""
    work, launch = build()
    libraries, missing = libraries_of(options, work)
    wanted = None if not options.only else options.only
    found, absent = programs.find(wanted)
    rows = choose(work_rows(work, options.scale) + program_rows(launch, found), options.only)
    for line in missing + absent:
        print(f"bench: {line}", file=sys.stderr)
    samples = []
    for row in rows:
        of_row = measure(row, libraries, options.reps)
        progress(of_row)
        samples += of_row
    options.out.mkdir(parents=True, exist_ok=True)
    ratios.write(options.out / "raw.csv", samples)
    text = page(samples, machine.facts([]), missing + absent)
    (options.out / "README.md").write_text(text, encoding="utf-8")
    print(f"\n{text}\nWritten to {options.out}")


def pair(word):
    """An argument NAME=LIBRARY."""
    if "=" not in word:
        raise argparse.ArgumentTypeError(f"{word}: NAME=/path/to/library.so is wanted")
    return word


def arguments(words):
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--quick", action="store_true", help="a minute and a half, for tuning")
    parser.add_argument("--only", action="append", default=[], metavar="ROW",
                        help="may be repeated")
    parser.add_argument("--allocator", action="append", default=[], type=pair,
                        metavar="NAME=LIBRARY", help="measure this one, too; may be repeated")
    parser.add_argument("--peers", type=lambda word: word.split(","), metavar="NAME,...",
                        help="of glibc, jemalloc, mimalloc, tcmalloc only these; none: no one")
    parser.add_argument("--reps", type=int, help="repetitions")
    parser.add_argument("--scale", type=int, help="percent of the full size")
    parser.add_argument("--out", type=Path, help="where the results go")
    options = parser.parse_args(words)
    options.reps = options.reps or (QUICK_REPETITIONS if options.quick else FULL_REPETITIONS)
    options.scale = options.scale or (QUICK_SCALE if options.quick else FULL_SCALE)
    full = not (options.quick or options.only or options.allocator or options.peers)
    options.out = options.out or (RESULTS if full else QUICK_RESULTS)
    return options


def main(words):
    """Read the command line."""
    try:
        run(arguments(words))
    except driver.BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
