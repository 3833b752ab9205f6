# SPDX-License-Identifier: BSD-3-Clause
"""Turns measurements into Markdown tables and CSV."""

import csv
import statistics
from collections import namedtuple

from . import instructions

# Times in nanoseconds per operation: the median over all rounds, its quartiles, and glibc's
# median in the same processes (None for an allocator that shared its process with no other).
Time = namedtuple("Time", "state blocks allocator median low high glibc rounds")


def summarise(state, blocks, allocator, own, glibc):
    """The Time of one allocator. own, glibc: nanoseconds of every round."""
    low, middle, high = statistics.quantiles(own, n=4, method="inclusive")
    return Time(state, blocks, allocator, middle, low, high,
                statistics.median(glibc) if glibc else None, len(own))


def ratio(time):
    """Time relative to glibc on the same sequence in the same process, None if there was none."""
    return time.median / time.glibc if time.glibc else None


def number(value):
    """A positive number with three figures: 0.123, 12.3, 1,230."""
    digits = 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:,.{digits}f}"


def write_csv(path, header, rows):
    """Write one CSV file."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def times_csv(path, times):
    """Every Time as a row."""
    rows = [(t.state, t.blocks, t.allocator, f"{t.median:.1f}", f"{t.low:.1f}", f"{t.high:.1f}",
             "" if t.glibc is None else f"{t.glibc:.1f}",
             "" if t.glibc is None else f"{ratio(t):.2f}", t.rounds) for t in times]
    write_csv(path, ["state", "blocks", "allocator", "ns_per_operation", "lower_quartile",
                     "upper_quartile", "glibc_ns_in_same_process", "ratio_to_glibc", "rounds"],
              rows)


def table(header, rows, words=1):
    """A Markdown table. words: how many columns, from the left, are no numbers."""
    marks = [*["---"] * words, *["---:"] * (len(header) - words)]
    return "\n".join("| " + " | ".join(row) + " |" for row in (header, marks, *rows))


def cell(time, with_ratio=True):
    """One measurement in a table: nanoseconds, and how many times glibc's."""
    if time is None:
        return "-"
    share = ratio(time) if with_ratio and time.allocator not in ("glibc", "nothing") else None
    return number(time.median) + (f" ({share:.2f})" if share else "")


def times_table(times, names, first_columns):
    """One row for each state and scale, one column for each allocator.

    first_columns: a function, (state, blocks) -> the row's first cells; names: {allocator: head}.
    """
    by_key = {(t.state, t.blocks, t.allocator): t for t in times}
    keys = list(dict.fromkeys((t.state, t.blocks) for t in times))
    return [[*first_columns(*key), *(cell(by_key.get((*key, name))) for name in names)]
            for key in keys]


def churn_table(times, names):
    """The churn: a row for each working set."""
    rows = times_table([t for t in times if t.state == "churn"], names,
                       lambda state, blocks: [f"{blocks:,}"])
    return table(["live blocks", *names.values()], rows)


def states_table(times, names):
    """The other states."""
    rows = times_table([t for t in times if t.state not in ("churn", "chase")], names,
                       lambda state, blocks: [state, f"{blocks:,}"])
    return table(["state", "blocks", *names.values()], rows)


def growth_table(times):
    """How osmem's and glibc's churn costs grow from 1,000 blocks on, and one access to a block."""
    cost = {(t.state, t.allocator, t.blocks): t.median for t in times
            if t.state in ("churn", "chase")}
    what = [("churn", "osmem"), ("churn", "glibc"), ("chase", "glibc")]
    rows = [[f"{blocks:,}",
             *(f"{cost[(*key, blocks)] / cost[(*key, 1000)]:.2f}" for key in what[:2]),
             *(number(cost[(*key, blocks)] - cost[(*key, 1000)]) for key in what)]
            for blocks in sorted({blocks for *key, blocks in cost if tuple(key) == what[0]})
            if blocks > 1000]
    return table(["live blocks", "osmem / at 1,000", "glibc / at 1,000", "osmem: ns more",
                  "glibc: ns more", "one access: ns more"], rows)


def instructions_table(rows):
    """A row for each state: mean and worst at each scale. rows: of instructions.measure()."""
    scales = sorted({blocks for _, blocks, _, _ in rows})
    by_key = {(state, blocks): f"{mean:,.0f} / {worst:,.0f}" for state, blocks, mean, worst in rows}
    body = [[state.name, state.meaning,
             *(by_key.get((state.name, blocks), "-") for blocks in scales)]
            for state in instructions.STATES if any(name == state.name for name, _ in by_key)]
    return table(["state", "", *(f"{blocks:,}" for blocks in scales)], body, 2)
