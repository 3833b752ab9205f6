# SPDX-License-Identifier: BSD-3-Clause
"""Measure osmem beside glibc, jemalloc, mimalloc and tcmalloc; write tables, CSV and a plot.

Usage: python3 -m bench.run [--quick] [--out FOLDER]

The full run takes some minutes and writes to bench/results, which is committed; --quick takes
seconds and writes to bench/build/quick. See bench/README.md for what is measured and how.
"""

import argparse
import functools
import sys
from collections import namedtuple
from pathlib import Path

from . import allocators, driver, instructions, machine, plot, tables

# How much of everything. walk: (scale, steps) of the list walk, which is slow; largest: a churn for
# osmem and glibc alone, which take turns in one process; repeats: processes.
Extent = namedtuple("Extent", "churn largest states freeall walk steps rounds repeats scales out")

FULL = Extent(churn=[10, 100, 1000, 10000, 100000, 1000000], largest=10000000,
              states=[10000, 100000], freeall=[1000000],
              walk=[(100, 5000), (1000, 500), (10000, 50)], steps=50000, rounds=7, repeats=3,
              scales=[1000, 10000, 100000], out=driver.HERE / "results")
QUICK = Extent(churn=[100, 1000, 10000], largest=20000, states=[1000], freeall=[10000],
               walk=[(100, 1000), (1000, 100)], steps=20000, rounds=5, repeats=1,
               scales=[1000, 10000], out=driver.BUILD / "quick")

STATES = ["equal", "distinct", "alternate", "hostile", "neighbours", "freeall"]
MOST = {state.name: state.most for state in instructions.STATES}

# Table heads; the order is that of columns and of colours in the plot.
HEADS = {"osmem": "osmem", "glibc": "glibc", "jemalloc": "jemalloc", "mimalloc": "mimalloc",
         "tcmalloc": "tcmalloc", "listwalk": "list walk", "nothing": "driver alone"}


def churn_plan(extent, blocks):
    """The churn at one scale, in its steady state."""
    return driver.Plan("churn", blocks, 2 * blocks + 10000, extent.rounds, extent.steps)


def plans(extent):
    """What is to be measured, for each allocator beside glibc."""
    churn = [churn_plan(extent, blocks) for blocks in extent.churn]
    states = [(state, blocks) for state in STATES
              for blocks in extent.states + (extent.freeall if state == "freeall" else [])
              if blocks <= MOST[state]]
    return churn + [driver.Plan(state, blocks, 0, extent.rounds, extent.steps)
                    for state, blocks in states]


def measure_pairs(program, plan, libraries, repeats):
    """One plan for each allocator, which shares its processes with glibc, in turn: [Time].

    libraries: {name: library, or None for one that is part of the driver}.
    """
    own = {name: [] for name in libraries}
    glibc = {name: [] for name in libraries}
    for _ in range(repeats):
        for name, library in libraries.items():
            word = f"{name}={library}" if library else name
            times = driver.measure(program, plan, ["glibc", word])
            own[name] += times[name]
            glibc[name] += times["glibc"]
    beside = glibc["osmem"]
    return [tables.summarise(*plan[:2], "osmem", own["osmem"], beside),
            tables.summarise(*plan[:2], "glibc", beside, beside),
            *(tables.summarise(*plan[:2], name, own[name], glibc[name])
              for name in libraries if name != "osmem")]


def measure_chase(extent, program):
    """What one access to a random block costs at each scale of the churn: [Time]."""
    times = []
    for blocks in [*extent.churn, extent.largest]:
        plan = driver.Plan("chase", blocks, blocks, extent.rounds, extent.steps)
        rounds = [time for _ in range(extent.repeats)
                  for time in driver.measure(program, plan, ["glibc"])["glibc"]]
        times.append(tables.summarise(*plan[:2], "glibc", rounds, None))
    return times


def measure_walk(extent):
    """The churn on an allocator that walks its list, alone in its processes: [Time]."""
    program = driver.build_driver_with_arena()
    library = f"listwalk={driver.build_list_walk()}"
    times = []
    for blocks, steps in extent.walk:
        plan = driver.Plan("churn", blocks, blocks, extent.rounds, steps)
        rounds = driver.measure(program, plan, [library])["listwalk"]
        times.append(tables.summarise(*plan[:2], "listwalk", rounds, None))
    return times


def measure_all(extent, program, libraries):
    """Every Time, with a line on standard output for each plan."""
    times = []
    largest = churn_plan(extent, extent.largest)
    for plan in [*plans(extent), largest]:
        others = dict(libraries, nothing=None) if plan.state == "churn" else libraries
        if plan is largest:
            others = {"osmem": libraries["osmem"]}
        found = measure_pairs(program, plan, others, 1 if plan is largest else extent.repeats)
        print(f"{plan.state:<11}{plan.blocks:>10,}  " + "  ".join(
            f"{time.allocator} {tables.cell(time)}" for time in found), flush=True)
        times += found
    return times + measure_chase(extent, program) + measure_walk(extent)


def draw(times, names):
    """The plot of the churn."""
    series = {head: [(t.blocks, t.median) for t in times
                     if t.state == "churn" and t.allocator == name]
              for name, head in names.items() if name != "nothing"}
    return plot.draw({head: points for head, points in series.items() if points},
                     "One free and one allocation of 8 to 1,024 bytes at random",
                     "live blocks", "nanoseconds per operation")


def report(times, counts, facts, missing, names):
    """The page of results, Markdown."""
    return "\n\n".join([
        "<!-- Written by bench/run.py; do not edit. -->\n# Results",
        "Results of `make bench`, for people who work on the contract allocator or compare it.\n"
        "[bench/README.md](../README.md) says what is measured, and how. Nanoseconds per "
        "operation,\nin parentheses relative to glibc on the same requests in the same process.",
        "\n".join(f"**{line}**\n" for line in missing) or "No allocator is left out.",
        tables.table(["measured on", ""], [[fact, value] for fact, value in facts], 2),
        "## Churn", tables.churn_table(times, names),
        "![nanoseconds per operation against live blocks](churn.svg)",
        "How the cost grows, beside that of one access to a random block whose address the "
        "previous\naccess has read (*chase*):", tables.growth_table(times),
        "## Other states", tables.states_table(times, {
            name: head for name, head in names.items() if name not in ("nothing", "listwalk")}),
        "## Instructions per operation of osmem",
        "Mean / worst single operation, counted by callgrind; they repeat exactly.",
        tables.instructions_table(counts)]) + "\n"


def write(out, times, counts, facts, missing):
    """Write the CSV files, the plot and the page; returns the page."""
    present = {time.allocator for time in times}
    names = {name: head for name, head in HEADS.items() if name in present}
    page = report(times, counts, facts, missing, names)
    out.mkdir(parents=True, exist_ok=True)
    tables.times_csv(out / "times.csv", times)
    tables.write_csv(out / "instructions.csv", ["state", "blocks", "mean", "worst"],
                     [(state, blocks, f"{mean:.1f}", f"{worst:.1f}")
                      for state, blocks, mean, worst in counts])
    tables.write_csv(out / "machine.csv", ["fact", "value"], facts)
    (out / "churn.svg").write_text(draw(times, names), encoding="utf-8")
    (out / "README.md").write_text(page, encoding="utf-8")
    return page


def why_not(program, name, library):
    """None when the driver can use that library, else the reason."""
    try:
        driver.measure(program, driver.Plan("churn", 10, 10, 1, 10), [f"{name}={library}"])
    except driver.BenchError as error:
        return str(error)
    return None


def run(extent):
    """Build, measure, write, print."""
    program = driver.build_driver()
    others, missing = allocators.find(functools.partial(why_not, program))
    for line in missing:
        print(f"bench: {line}", file=sys.stderr)
    library = driver.build_library()
    print("counting instructions", flush=True)
    counts = instructions.measure(driver.build_driver_with_arena(), library, extent.scales)
    times = measure_all(extent, program, {"osmem": library, **others})
    packages = [package for other in allocators.OTHERS if other.name in others
                for package in other.packages]
    page = write(extent.out, times, counts, machine.facts([*packages, "valgrind"]), missing)
    print(f"\n{page}\nWritten to {extent.out}")


def main():
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--quick", action="store_true", help="seconds instead of minutes")
    parser.add_argument("--out", type=Path, help="where the results go")
    options = parser.parse_args()
    extent = QUICK if options.quick else FULL
    try:
        run(extent._replace(out=options.out or extent.out))
    except driver.BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
