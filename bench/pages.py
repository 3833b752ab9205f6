# SPDX-License-Identifier: BSD-3-Clause
"""What the side-by-side benchmark shows: the page of results, the plots, README.md's section."""

import textwrap

from . import plot, ratios, tables

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
    "visits": "threads come, allocate 64 blocks, go",
    "sleepers": "16 threads allocate, then sleep for ever",
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

LOSS = 1.25     # a row above this is named as lost
OURS = "osmalloc"
BEGIN, END = "<!-- begin: written by bench/compare.py -->", "<!-- end -->"


def ratio_table(rows, meanings):
    """CPU time / peak of each allocator relative to the best of the row; means and worst rows."""
    names = ratios.names_of(rows)
    times, peaks = (ratios.all_ratios(rows, what) for what in ("cpu_ns", "peak_kib"))
    body = [[row, *([MEANINGS.get(row, "")] if meanings else []),
             *(_ratios(by_name, name, times, peaks, row) for name in names)]
            for row, by_name in rows.items()]
    blank = [""] if meanings else []
    body.append(["**geometric mean**", *blank, *(
        f"**{ratios.geometric_mean(times[name].values()):.2f} / "
        f"{ratios.geometric_mean(peaks[name].values()):.2f}**" if times[name] else "-"
        for name in names)])
    body += [[f"worst {what}", *blank, *(_worst(by_row[name]) for name in names)]
             for what, by_row in (("time", times), ("peak", peaks))]
    return tables.table(["row", *blank, *names], body, 2 if meanings else 1)


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
        "<!-- Written by bench/compare.py; not to be edited. -->\n# The malloc family side by side",
        "How it is measured, and what the rows are: [bench/README.md](../../README.md). CPU time / "
        "peak of resident memory, each relative to the best of the row.",
        *(f"**{value}**" for fact, value in facts if fact == "left out"),
        *(f"**{row} failed with {name}: {reason}**" for row, name, reason in failed),
        ratio_table(rows, meanings=False),
        *(f"![{title}]({file})" for file, (_, title) in PLOTS.items()),
        "## Medians", "CPU time, per operation where they are counted, else of the whole run; peak "
        "of resident memory.", cell_table(rows, cpu_and_peak),
        *(["## Time on the clock", "Of the rows with several threads.", cell_table(threads, wall)]
          if threads else []),
        "## In the kernel", "Share of the CPU time; page faults.", cell_table(rows, sys_and_faults),
        "## What else the rows say", notes_table(rows),
        "## Measured on", tables.table(["", ""], [list(fact) for fact in facts], 2)]) + "\n"


def losses(rows):
    """The sentences about osmalloc: its means, and every row that it loses."""
    times, peaks = (ratios.all_ratios(rows, what)[OURS] for what in ("cpu_ns", "peak_kib"))
    lost = [f"{row} ({by_row[row]:.2f}, {what})" for row in rows
            for what, by_row in (("time", times), ("peak", peaks)) if by_row.get(row, 0) > LOSS]
    words = (f"osmalloc: {ratios.geometric_mean(times.values()):.2f} of the best in time, "
             f"{ratios.geometric_mean(peaks.values()):.2f} in memory, as geometric means over "
             f"{len(times)} rows. " + (f"Above {LOSS}: {', '.join(lost)}." if lost else
                                       f"No row is above {LOSS}."))
    return textwrap.fill(words, 120)


def section(samples):
    """README.md's section, between its marks."""
    rows = ratios.figures(samples)
    return "\n\n".join([
        BEGIN, losses(rows), ratio_table(rows, meanings=True),
        *(f"![{title}](bench/results/family/{file})" for file, (_, title) in PLOTS.items()), END])


def with_section(text, samples):
    """README.md's text with its section replaced; ValueError when it has none."""
    before, begin, rest = text.partition(BEGIN)
    old, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"README.md has no lines {BEGIN} and {END} for the results to go between")
    return before + section(samples) + after


def draw(samples, what, title):
    """The plot of one figure: a line for each row, a dot for each allocator."""
    return plot.dots(ratios.all_ratios(ratios.figures(samples), what), title)
