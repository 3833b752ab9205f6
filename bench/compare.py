# SPDX-License-Identifier: BSD-3-Clause
"""Measure libosmalloc beside glibc, jemalloc, mimalloc and tcmalloc: time and resident memory.

The full run takes about ten minutes. It writes to bench/results/family, which is committed, and the
front page's section of README.md; any other run writes to bench/build/family. bench/README.md says
what is measured.
"""

import argparse
import csv
import os
import sys
import tempfile
from collections import namedtuple
from pathlib import Path

from . import allocators, driver, machine, pages, programs, ratios, tables

FAMILY = driver.HERE / "family"
SOURCES = [FAMILY / f"{name}.c" for name in ("main", "tools", "small", "large", "memory",
                                             "threads")]
FLAGS = ["-std=gnu11", "-O2", "-g", "-Wall", "-Wextra", "-fno-builtin", "-pthread"]
RESULTS = driver.HERE / "results" / "family"
SCRATCH = driver.BUILD / "family"
FRONT_PAGE = driver.ROOT / "README.md"
# Preloaded like the others, because some programs (redis) have an allocator of their own.
GLIBC = "libc.so.6"

# Percent of the workloads' full size, and repetitions.
FULL, QUICK = (100, 11), (25, 3)

# One row of the table. kind: as in ratios.Sample; run: a function, library -> {figure: number},
# which raises BenchError.
Row = namedtuple("Row", "name kind run")


def build():
    """(the driver of the workloads, the launcher of programs)."""
    driver.BUILD.mkdir(exist_ok=True)
    for name, files in (("work", SOURCES), ("launch", [FAMILY / "launch.c"])):
        driver.run_tool(["gcc", *FLAGS, "-o", driver.BUILD / name, *files], f"compiling {name}")
    return driver.BUILD / "work", driver.BUILD / "launch"


# ---- rows --------------------------------------------------------------------------------------

def run_work(work, name, scale, library):
    """One run of a workload: {figure: number}."""
    output = driver.run_tool([work, name, scale], name, env={"LD_PRELOAD": str(library)})
    words = dict(line.split(" ", 1) for line in output.splitlines())
    if Path(words.pop("malloc")).name != Path(library).name:
        raise driver.BenchError(f"{library}: cannot be preloaded, or has no malloc")
    return {name: int(word) for name, word in words.items()}


def work_rows(work, scale):
    """The rows of the workloads written here."""
    lines = driver.run_tool([work, "--list"], "work").splitlines()
    return [Row(name, kind, lambda library, name=name: run_work(work, name, scale, library))
            for name, kind in (line.split() for line in lines)]


class ProgramRun:
    """Runs a real program, which must print the same each time."""

    def __init__(self, program, launch):
        self.program, self.launch = program, launch
        self.printed = None

    def __call__(self, library):
        with tempfile.TemporaryDirectory() as scratch:
            output, found = self.program.run(self.launch, library, Path(scratch))
        self.printed = output if self.printed is None else self.printed
        if output != self.printed:
            raise driver.BenchError(f"{self.program.name}: printed something different from before")
        return found


def choose(rows, names):
    """The rows with those names, all if `names` is empty; BenchError for an unknown name."""
    known = [row.name for row in rows]
    for name in names:
        if name not in known:
            raise driver.BenchError(f"--only {name}: no such row; there are {', '.join(known)}")
    return [row for row in rows if not names or row.name in names]


def rows_of(options, work, launch):
    """(rows, [a line for each row that is left out])."""
    runs = [Row(program.name, "program", program) for program in programs.PROGRAMS]
    rows = choose(work_rows(work, options.scale) + runs, options.only)
    found, missing = programs.find([row.run for row in rows if row.kind == "program"])
    return ([row for row in rows if row.kind != "program"]
            + [Row(one.name, "program", ProgramRun(one, launch)) for one in found]), missing


# ---- allocators --------------------------------------------------------------------------------

def peers(work, names):
    """({name: library}, [a line for each peer that is left out]). names: the chosen ones."""
    def why_not(_, library):
        try:
            run_work(work, "pairs", 1, library)
        except driver.BenchError as error:
            return str(error)
        return None

    wanted = [other for other in allocators.OTHERS if other.name in names]
    found, missing = allocators.find(why_not, wanted)
    return {**({"glibc": GLIBC} if "glibc" in names else {}), **found}, missing


def libraries_of(options, work):
    """({name: library}, [a line for each allocator that is left out]), ours first."""
    others, missing = peers(work, options.peers)
    return {pages.OURS: driver.build_osmalloc(), **dict(options.allocator),
            **others}, missing


# ---- measuring ---------------------------------------------------------------------------------

def sample(row, name, library, repetition):
    """Run a row once with one allocator."""
    blank = ratios.Sample(row.name, row.kind, name, repetition, 0, 0, 0, 0, 0, 0, {}, "")
    try:
        found = row.run(library)
    except driver.BenchError as error:
        return blank._replace(failed=str(error))
    found = {key: value for key, value in found.items() if key not in ("asked", "returned")}
    return blank._replace(
        cpu_ns=found.pop("cpu"), sys_ns=found.pop("sys"), wall_ns=found.pop("wall"),
        faults=found.pop("faults"), peak_kib=found.pop("peak"),
        operations=found.pop("operations", 0), notes=found)


def measure(row, libraries, repetitions):
    """All samples of a row: each repetition runs every allocator and begins with another one."""
    names = list(libraries)
    samples = []
    for repetition in range(repetitions):
        turn = repetition % len(names)
        samples += [sample(row, name, libraries[name], repetition)
                    for name in names[turn:] + names[:turn]]
    return sorted(samples, key=lambda one: names.index(one.allocator))


def show(samples):
    """Print a row's ratios as progress."""
    by_name = ratios.figures(samples)[samples[0].row]
    times, peaks = (ratios.to_best(by_name, what) for what in ("cpu_ns", "peak_kib"))
    cells = (f"{name} {times[name]:5.2f}/{peaks[name]:.2f}" if one else f"{name} failed"
             for name, one in by_name.items())
    print(f"{samples[0].row:<13}" + "  ".join(cells), flush=True)
    for reason in dict.fromkeys(one.failed for one in samples if one.failed):
        print(f"bench: failed: {reason}", file=sys.stderr)


# ---- results -----------------------------------------------------------------------------------

def facts_about(options, libraries, missing):
    """[(fact, value)] about the machine and the run."""
    packages = [package for other in allocators.OTHERS if other.name in libraries
                for package in other.packages]
    packages += [package for program in programs.PROGRAMS for package in program.packages]
    return [*machine.facts(packages), ("repetitions", str(options.reps)),
            ("scale", f"{options.scale} %"),
            ("load average at the end", f"{os.getloadavg()[1]:.1f}"),
            *(("left out", line) for line in missing)]


def write(out, samples, facts):
    """Write the data: raw.csv, machine.csv."""
    out.mkdir(parents=True, exist_ok=True)
    ratios.write(out / "raw.csv", samples)
    tables.write_csv(out / "machine.csv", ["fact", "value"], facts)


def read(out):
    """(samples, facts) as write() wrote them; BenchError if they are missing."""
    try:
        with open(out / "machine.csv", newline="", encoding="utf-8") as file:
            facts = [tuple(line) for line in csv.reader(file)][1:]
        return ratios.read(out / "raw.csv"), facts
    except OSError as error:
        raise driver.BenchError(f"no results in {out} ({error.strerror}): measure first") from None


def publish(out):
    """Write page and plots from the data, and README.md's section if `out` is RESULTS."""
    samples, facts = read(out)
    text = pages.page(samples, facts)
    for file, (what, title) in pages.PLOTS.items():
        (out / file).write_text(pages.draw(samples, what, title), encoding="utf-8")
    (out / "README.md").write_text(text, encoding="utf-8")
    if out == RESULTS:
        (out / pages.OVERVIEW).write_text(pages.draw_overview(samples), encoding="utf-8")
        front = pages.with_section(FRONT_PAGE.read_text(encoding="utf-8"), samples, facts)
        FRONT_PAGE.write_text(front, encoding="utf-8")
    return text


def run(options):
    """Build, measure, write, print."""
    if not options.page:
        work, launch = build()
        libraries, missing = libraries_of(options, work)
        rows, absent = rows_of(options, work, launch)
        for line in missing + absent:
            print(f"bench: {line}", file=sys.stderr)
        samples = []
        for row in rows:
            of_row = measure(row, libraries, options.reps)
            show(of_row)
            samples += of_row
        write(options.out, samples, facts_about(options, libraries, missing + absent))
    print(f"\n{publish(options.out)}\nWritten to {options.out}")


# ---- command line ------------------------------------------------------------------------------

def named_library(word):
    """An argument NAME=LIBRARY: (name, path)."""
    name, found, path = word.partition("=")
    if not name or not found:
        raise argparse.ArgumentTypeError(f"{word}: NAME=/path/to/library.so is needed")
    if not Path(path).is_file():
        raise argparse.ArgumentTypeError(f"{word}: there is no file {path}; build it first")
    return name, Path(path).resolve()


def peer_names(word):
    """An argument NAME,NAME,... or none."""
    known = ["glibc", *(other.name for other in allocators.OTHERS)]
    names = [] if word == "none" else word.split(",")
    for name in names:
        if name not in known:
            raise argparse.ArgumentTypeError(f"{name}: none, or some of {','.join(known)}")
    return names


def positive(word):
    """An argument that is a number from 1 to 10,000."""
    if not word.isdecimal() or not 1 <= int(word) <= 10000:
        raise argparse.ArgumentTypeError(f"{word}: this must be a number from 1 to 10000")
    return int(word)


def arguments(words):
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--quick", action="store_true",
                        help="a minute and a half: smaller, and less often; for tuning")
    parser.add_argument("--only", action="append", default=[], metavar="ROW",
                        help="measure this row alone; may be repeated")
    parser.add_argument("--allocator", action="append", default=[], type=named_library,
                        metavar="NAME=LIBRARY", help="measure this one, too; may be repeated")
    parser.add_argument("--peers", type=peer_names, metavar="NAME,...",
                        help="of glibc, jemalloc, mimalloc, tcmalloc only these; or none")
    parser.add_argument("--reps", type=positive, help="repetitions")
    parser.add_argument("--scale", type=positive, help="percent of the workloads' full size")
    parser.add_argument("--out", type=Path, help="the folder that the results go to")
    parser.add_argument("--page", action="store_true",
                        help="measure nothing: pages and plots again, from the CSV files")
    options = parser.parse_args(words)
    full = words in ([], ["--page"])
    options.out = (options.out or (RESULTS if full else SCRATCH)).resolve()
    scale, repetitions = QUICK if options.quick else FULL
    options.scale, options.reps = options.scale or scale, options.reps or repetitions
    options.peers = peer_names("glibc," + ",".join(other.name for other in allocators.OTHERS)) \
        if options.peers is None else options.peers
    return options


def main(words):
    """Measure; print one line if that is impossible."""
    try:
        run(arguments(words))
    except (driver.BenchError, OSError, ValueError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("bench: interrupted; nothing was written", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
