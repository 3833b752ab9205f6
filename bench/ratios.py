# SPDX-License-Identifier: BSD-3-Clause
"""The arithmetic of the side-by-side benchmark, its CSV file and its Markdown tables."""

import csv
import math
import statistics
from collections import namedtuple

import tables

# One run of one row with one allocator. clock: which time counts, "cpu" or "wall"; wall, cpu:
# nanoseconds; peak: KiB of resident memory; operations: 0 where nobody counts; notes: {name:
# number}; failed: "" or why there are no figures.
Sample = namedtuple("Sample", ["row", "clock", "allocator", "repetition", "wall", "cpu", "peak",
                               "operations", "notes", "failed"])

# The medians of one row and allocator; time: nanoseconds by the row's clock.
Figure = namedtuple("Figure", "time wall cpu peak operations notes")

COLUMNS = ["row", "clock", "allocator", "repetition", "wall_ns", "cpu_ns", "peak_kib", "operations",
           "notes", "failed"]


def write(path, samples):
    """Every sample as a row of a CSV file."""
    rows = [(*sample[:8], ";".join(f"{name}={value}" for name, value in sample.notes.items()),
             sample.failed) for sample in samples]
    tables.write_csv(path, COLUMNS, rows)


def read(path):
    """The samples of such a file."""
    with open(path, newline="", encoding="utf-8") as file:
        return [_sample(line) for line in csv.DictReader(file)]


def _sample(line):
    numbers = [int(line[name]) for name in COLUMNS[3:8]]
    notes = dict(note.split("=") for note in line["notes"].split(";") if note)
    return Sample(line["row"], line["clock"], line["allocator"], *numbers,
                  {name: int(value) for name, value in notes.items()}, line["failed"])


def figure(samples):
    """The Figure of one row and allocator, None when any of its runs failed."""
    if any(sample.failed for sample in samples):
        return None
    wall, cpu, peak = (statistics.median(getattr(sample, name) for sample in samples)
                       for name in ("wall", "cpu", "peak"))
    notes = {name: statistics.median(sample.notes[name] for sample in samples)
             for name in samples[0].notes}
    return Figure(wall if samples[0].clock == "wall" else cpu, wall, cpu, peak,
                  samples[0].operations, notes)


def figures(samples):
    """{row: {allocator: Figure or None}}, in the order of the samples."""
    groups = {}
    for sample in samples:
        groups.setdefault(sample.row, {}).setdefault(sample.allocator, []).append(sample)
    return {row: {name: figure(group) for name, group in by_name.items()}
            for row, by_name in groups.items()}


def to_best(row, what):
    """{allocator: its figure relative to the least of the row}. what: 'time' or 'peak'."""
    values = {name: getattr(one, what) for name, one in row.items() if one}
    return {name: value / min(values.values()) for name, value in values.items()}


def geometric_mean(values):
    """Of positive numbers."""
    return math.exp(statistics.fmean(math.log(value) for value in values))


def summary(rows, what):
    """{allocator: (geometric mean over its rows, its worst ratio, the row of that one)}."""
    ratios = {}
    for row, by_name in rows.items():
        for name, value in to_best(by_name, what).items():
            ratios.setdefault(name, []).append((value, row))
    return {name: (geometric_mean(value for value, _ in pairs), *max(pairs))
            for name, pairs in ratios.items()}


def names_of(rows):
    """All allocators, in order of appearance."""
    return list(dict.fromkeys(name for by_name in rows.values() for name in by_name))


def ratio_table(rows, words=None):
    """Time / peak of each allocator relative to the best of the row; means and worst rows below.

    words: {row: what the first column says}; the row's name by default.
    """
    names = names_of(rows)
    body = []
    for row, by_name in rows.items():
        times, peaks = to_best(by_name, "time"), to_best(by_name, "peak")
        body.append([(words or {}).get(row, row), *(
            f"{times[name]:.2f} / {peaks[name]:.2f}" if name in times else
            "failed" if name in by_name else "-" for name in names)])
    times, peaks = summary(rows, "time"), summary(rows, "peak")
    body.append(["**geometric mean**", *(_pair(times, peaks, name) for name in names)])
    body += [[f"worst {what}", *(f"{worst[name][1]:.2f} {worst[name][2]}" if name in worst else "-"
                                 for name in names)]
             for what, worst in (("time", times), ("peak", peaks))]
    return tables.table(["row", *names], body)


def _pair(times, peaks, name):
    return f"**{times[name][0]:.2f} / {peaks[name][0]:.2f}**" if name in times else "-"


def absolute(one):
    """Time and peak in a cell: per operation where they are counted, else of the whole run."""
    if one is None:
        return "failed"
    if one.operations:
        span = f"{tables.number(one.time / one.operations)} ns"
    else:
        span = f"{tables.number(one.time / 1e6)} ms"
    return f"{span}, {tables.number(one.peak / 1024)} MiB"


def absolute_table(rows):
    """Medians of each allocator: time and peak."""
    names = names_of(rows)
    return tables.table(["row", *names], [
        [row, *(absolute(by_name[name]) if name in by_name else "-" for name in names)]
        for row, by_name in rows.items()])


def notes_table(rows):
    """What rows say beside time and peak, medians."""
    names = names_of(rows)
    body = [[row, note, *(tables.number(by_name[name].notes[note]) if by_name.get(name) else "-"
                          for name in names)]
            for row, by_name in rows.items()
            for note in next((one.notes for one in by_name.values() if one), ())]
    return tables.table(["row", "", *names], body, 2)
