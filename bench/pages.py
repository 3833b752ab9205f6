# SPDX-License-Identifier: BSD-3-Clause
"""The pages of the side-by-side benchmark: the results with their plots, README.md's section."""

import re
import textwrap

from . import allocators, plot, ratios, tables

# The rows of the table, and what each does.
MEANINGS = {
    "pairs": "malloc and free at once, 16 B-1 KiB",
    "lifo": "10,000 of 16-512 B, last one freed first",
    "fifo": "10,000 of 16-512 B, first one freed first",
    "random": "10,000 of 16-512 B, freed in random order",
    "objects": "a million of 16-64 B at once",
    "aligned": "alignments 32 B-4 KiB, 2,000 live",
    "tree": "search tree: build, change, walk, free",
    "mixed": "1-128 KiB, 1,000 live, one replaced",
    "grow": "realloc to 16 MiB, an eighth at a time",
    "append": "1,000 buffers that double up to 64 KiB",
    "big": "128 KiB-2 MiB, 32 live, all pages written",
    "calloc": "256 KiB-8 MiB zeroed, a page in 8 used",
    "burst": "400 MiB of 256 B-8 KiB, written and freed",
    "drift": "32 MiB live, sizes drift, oldest goes",
    "scatter": "32 MiB live, sizes drift, a random one goes",
    "start": "a small program from exec to exit",
    "handover": "one thread allocates, another one frees",
    "ring": "four threads, each frees its neighbour's",
    "thread-churn": "threads come, allocate 64 blocks, go",
    "idle-threads": "16 threads allocate, then sleep for ever",
    "crowd": "100 threads with 100 blocks each",
    "server": "connections outlive the threads serving them",
    "python": "python3, PYTHONMALLOC=malloc",
    "sqlite": "sqlite3, a database in memory",
    "lua": "lua5.4, small tables and strings",
    "perl": "perl, hashes and strings",
    "gcc": "cc1 -O2",
    "redis": "redis-server under redis-benchmark",
}

# What a note means; those that are not here are the driver's own words.
NOTES = {
    "percent_of_asked": "resident, % of the bytes asked for",
    "misaligned_blocks": "blocks that are not aligned as asked",
    "left_kib": "KiB resident 50 ms after all is freed",
    "left_in_use_kib": "the same, 1,000 small allocations later",
    "percent_of_live": "largest resident, % of the live bytes",
    "first_call_ns": "ns of the first malloc (mean)",
}

# file: (field of Figure, title)
PLOTS = {"time.svg": ("cpu_ns", "CPU time, relative to the best of the row"),
         "memory.svg": ("peak_kib", "Peak of resident memory, relative to the best of the row")}

OVERVIEW = "overview.svg"
OVERVIEW_TITLE = "osmalloc beside its peers: CPU time and peak memory, relative to the best"

LOSS = 1.25     # a row above this is listed
OURS, GLIBC = "osmalloc", "glibc"
BEGIN, END = "<!-- begin: written by bench/compare.py -->", "<!-- end -->"


def ratio_table(rows):
    """CPU time / peak of each allocator relative to the best of the row; means and worst rows."""
    names = ratios.names_of(rows)
    times, peaks = (ratios.all_ratios(rows, what) for what in ("cpu_ns", "peak_kib"))
    body = [[row, MEANINGS.get(row, ""),
             *(_ratios(by_name, name, times, peaks, row) for name in names)]
            for row, by_name in rows.items()]
    body.append(["**geometric mean**", "", *(
        f"**{ratios.geometric_mean(times[name].values()):.2f} / "
        f"{ratios.geometric_mean(peaks[name].values()):.2f}**" if times[name] else "-"
        for name in names)])
    body += [[f"worst {what}", "", *(_worst(by_row[name]) for name in names)]
             for what, by_row in (("time", times), ("peak", peaks))]
    return tables.table(["row", "", *names], body, 2)


def _ratios(by_name, name, times, peaks, row):
    """The cell of one row and allocator."""
    if row in times[name]:
        return f"{times[name][row]:.2f} / {peaks[name][row]:.2f}"
    return "failed" if name in by_name else "-"


def _worst(by_row):
    """An allocator's worst row; by_row: {row: ratio}."""
    if not by_row:
        return "-"
    row = max(by_row, key=by_row.get)
    return f"{by_row[row]:.2f} {row}"


def cell_table(rows, cell):
    """A row for each row, what cell(Figure) says for each allocator."""
    names = ratios.names_of(rows)
    return tables.table(["row", *names], [
        [row, *("-" if name not in by_name else cell(by_name[name]) if by_name[name] else "failed"
                for name in names)]
        for row, by_name in rows.items()])


def span(figure, what):
    """A time: per operation where they are counted, else of the whole run."""
    if figure.operations:
        return f"{tables.number(getattr(figure, what) / figure.operations)} ns"
    return f"{tables.number(getattr(figure, what) / 1e6)} ms"


def cpu_and_peak(figure):
    """CPU time and peak in one cell."""
    return f"{span(figure, 'cpu_ns')}, {tables.number(figure.peak_kib / 1024)} MiB"


def sys_and_faults(figure):
    """The kernel's share of the time, and page faults, in one cell."""
    return f"{100 * figure.sys_ns / figure.cpu_ns:.0f} %, {figure.faults:,.0f}"


def wall(figure):
    """Time on the clock."""
    return span(figure, "wall_ns")


def notes_table(rows):
    """What rows say beside time and peak, medians."""
    names = ratios.names_of(rows)
    body = [[row, NOTES.get(note, note), *(f"{by_name[name].notes[note]:,.0f}"
                                           if by_name.get(name) else "-" for name in names)]
            for row, by_name in rows.items()
            for note in next((one.notes for one in by_name.values() if one), ())]
    return tables.table(["row", "", *names], body, 2)


def of_kind(samples, kind):
    """The rows of one kind."""
    return ratios.figures([sample for sample in samples if sample.kind == kind])


def page(samples, facts):
    """The page of results, Markdown. facts: [(fact, value)], what was measured on."""
    rows = ratios.figures(samples)
    failed = dict.fromkeys((one.row, one.allocator, one.failed) for one in samples if one.failed)
    threads = of_kind(samples, "threads")
    return "\n\n".join([
        "<!-- Written by bench/compare.py; do not edit. -->\n# The malloc family side by side",
        "Results of `make bench-family`, for people who choose a malloc or work on osmalloc.\n"
        "[bench/README.md](../../README.md) describes the rows and how they are measured.",
        *(f"**{value}**" for fact, value in facts if fact == "left out"),
        *(f"**{row} failed with {name}: {reason}**" for row, name, reason in failed),
        *([losses(rows)] if GLIBC in ratios.names_of(rows) else []),
        "CPU time / peak of resident memory, each relative to the best of the row:",
        ratio_table(rows),
        *(f"![{title}]({file})" for file, (_, title) in PLOTS.items()),
        "## Medians", "CPU time, per operation where they are counted, else of the whole run; peak "
        "of resident memory.", cell_table(rows, cpu_and_peak),
        *(["## Time on the clock", "Of the rows with several threads.", cell_table(threads, wall)]
          if threads else []),
        "## In the kernel", "Share of the CPU time; page faults.", cell_table(rows, sys_and_faults),
        "## What else the rows say", notes_table(rows),
        "## Measured on", tables.table(["", ""], [list(fact) for fact in facts], 2)]) + "\n"


def losses(rows):
    """Sentences about osmalloc: its means, and every row in which it is above LOSS."""
    times, peaks = (ratios.all_ratios(rows, what)[OURS] for what in ("cpu_ns", "peak_kib"))
    lost = [f"{row} ({by_row[row]:.2f}, {what})" for row in rows
            for what, by_row in (("time", times), ("peak", peaks)) if by_row.get(row, 0) > LOSS]
    listed = f"Above {LOSS}: {', '.join(lost)}." if lost else f"No row is above {LOSS}."
    return textwrap.fill(f"{means(times, peaks)} {listed}", 100)


def means(times, peaks):
    """A sentence with the geometric means of osmalloc's ratios, {row: ratio} each."""
    return (f"Over {len(times)} workloads and programs, osmalloc needs "
            f"{ratios.geometric_mean(times.values()):.2f} times the CPU time and "
            f"{ratios.geometric_mean(peaks.values()):.2f} times the memory of the best allocator "
            "of each (geometric means).")


def measured_with(facts):
    """A sentence: when the results were measured, on which system, with which versions.

    facts: [(fact, value)]; one that is missing is left out.
    """
    known = dict(facts)
    versions = [f"osmalloc {known['osmem']}" if "osmem" in known else "", known.get("C library")]
    versions += [f"{other.name} {upstream(known[package])}" for other in allocators.OTHERS
                 for package in other.packages if package in known]
    where = f" on {known['system']}" if "system" in known else ""
    date = f" {known['date']}" if "date" in known else ""
    return f"Measured{date}{where}: {', '.join(filter(None, versions))}."


def upstream(version):
    """The upstream part of a Debian package's version."""
    return re.sub(r"^\d+:|[+~-].*", "", version)


def section(samples, facts):
    """README.md's section, with the markers around it."""
    times, peaks = (ratios.all_ratios(ratios.figures(samples), what)[OURS]
                    for what in ("cpu_ns", "peak_kib"))
    words = (f"{means(times, peaks)} The worst are {_worst(times)} in time and {_worst(peaks)} in "
             "memory. [All rows](bench/results/family/README.md). " + measured_with(facts))
    return "\n\n".join([
        BEGIN, f"![{OVERVIEW_TITLE}](bench/results/family/{OVERVIEW})",
        textwrap.fill(words, 100, break_long_words=False, break_on_hyphens=False), END])


def with_section(text, samples, facts):
    """README.md's text with its section replaced; ValueError if it has none."""
    before, begin, rest = text.partition(BEGIN)
    old, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"README.md has no lines {BEGIN} and {END} for the results to go between")
    return before + section(samples, facts) + after


def draw(samples, what, title):
    """The plot of one figure: a line for each row, a dot for each allocator."""
    return plot.dots(ratios.all_ratios(ratios.figures(samples), what), title)


def draw_overview(samples):
    """The front page's plot: the mean and the worst row of each allocator, time and memory."""
    rows = ratios.figures(samples)
    series = {name: {} for name in ratios.names_of(rows)}
    for word, what in (("time", "cpu_ns"), ("memory", "peak_kib")):
        for name, by_row in ratios.all_ratios(rows, what).items():
            if by_row:
                series[name] |= {f"mean {word}": ratios.geometric_mean(by_row.values()),
                                 f"worst {word}": max(by_row.values())}
    return plot.dots(series, OVERVIEW_TITLE)
