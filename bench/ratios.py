# SPDX-License-Identifier: BSD-3-Clause
"""The arithmetic of the side-by-side benchmark, and its CSV file."""

import csv
import math
import statistics
from collections import namedtuple

from . import tables

# One run of one row with one allocator. kind: "single" thread, "threads", "program"; cpu, sys,
# wall: nanoseconds, sys is the kernel's part of cpu; faults: of pages; peak: KiB of resident
# memory; operations: 0 where nobody counts; notes: {name: number}; failed: "" or why there are no
# figures.
FIELDS = ["row", "kind", "allocator", "repetition", "cpu_ns", "sys_ns", "wall_ns", "faults",
          "peak_kib", "operations", "notes", "failed"]
Sample = namedtuple("Sample", FIELDS)
NUMBERS = ["repetition", "cpu_ns", "sys_ns", "wall_ns", "faults", "peak_kib", "operations"]

# The medians of one row and allocator.
Figure = namedtuple("Figure", "cpu_ns sys_ns wall_ns faults peak_kib operations notes")


def write(path, samples):
    """Every sample as a row of a CSV file."""
    tables.write_csv(path, FIELDS, [sample._replace(notes=";".join(
        f"{name}={value}" for name, value in sample.notes.items())) for sample in samples])


def read(path):
    """The samples of such a file."""
    with open(path, newline="", encoding="utf-8") as file:
        return [_sample(line) for line in csv.DictReader(file)]


def _sample(line):
    line.update({name: int(line[name]) for name in NUMBERS})
    notes = dict(note.split("=") for note in line["notes"].split(";") if note)
    line["notes"] = {name: int(value) for name, value in notes.items()}
    return Sample(**line)


def figure(samples):
    """The Figure of one row and allocator, None when any of its runs failed."""
    if any(sample.failed for sample in samples):
        return None
    medians = {name: statistics.median(getattr(sample, name) for sample in samples)
               for name in NUMBERS[1:]}
    notes = {name: statistics.median(sample.notes[name] for sample in samples)
             for name in samples[0].notes}
    return Figure(notes=notes, **medians)


def figures(samples):
    """{row: {allocator: Figure or None}}, in the order of the samples."""
    groups = {}
    for sample in samples:
        groups.setdefault(sample.row, {}).setdefault(sample.allocator, []).append(sample)
    return {row: {name: figure(group) for name, group in by_name.items()}
            for row, by_name in groups.items()}


def to_best(by_name, what):
    """{allocator: its figure relative to the least of the row}. what: a field of Figure."""
    values = {name: getattr(one, what) for name, one in by_name.items() if one}
    return {name: value / min(values.values()) for name, value in values.items()}


def geometric_mean(values):
    """Of positive numbers."""
    return math.exp(statistics.fmean(math.log(value) for value in values))


def all_ratios(rows, what):
    """{allocator: {row: ratio to the best of the row}}, without what failed."""
    ratios = {name: {} for name in names_of(rows)}
    for row, by_name in rows.items():
        for name, value in to_best(by_name, what).items():
            ratios[name][row] = value
    return ratios


def names_of(rows):
    """All allocators, in order of appearance."""
    return list(dict.fromkeys(name for by_name in rows.values() for name in by_name))
