# SPDX-License-Identifier: BSD-3-Clause
"""The body of tests/show_trace.py, which shows what a program does with os_*: its trace, a picture
of its heap, and statistics.

The program must be linked with libosmem.so. It runs in an empty directory, and as another user if
you are root; arguments that name files are therefore passed as absolute paths. Exit status: 0; 1 if
the trace breaks the contract or the program failed; 2 if the program could not be traced.
"""

import argparse
import json
import os
import sys

from . import version
from .feedback import heapmap
from .tracing import stats
from .build import SOURCES, HarnessError, build_library
from .cli import Parser, seconds, whole
from .feedback.report import printable
from .tracing.runner import run_traced
from .tracing.trace import events_text

TRACE_MOST = 256 << 20      # bytes of trace: some 4 million calls
MOST_LINES = 10 ** 9        # of any number of calls or lines
MODEL_CALLS = 5000          # some seconds, if thousands of blocks are live
DRAWN_ONE_BY_ONE = 24       # blocks; more are shown as a density
LEGEND = "# all live   + half or more   - less than half   . free"
ROW, ROWS = 64, 8           # cells of the density map
ERROR_LINES = 10            # of the program's stderr
LEAKS = 5                   # listed one by one


def parse_arguments(argv):
    """The command line."""
    parser = Parser(
        description="Trace a program that is linked with libosmem.so: trace, heap map, numbers.",
        usage="show_trace.py [options] PROGRAM [ARGS...]")
    parser.add_argument("-n", type=whole(0, MOST_LINES), default=8, metavar="N",
                        help="calls to print at the beginning and at the end (8)")
    parser.add_argument("--version", action="version", version=version.line("show_trace.py"))
    parser.add_argument("--all", action="store_true", help="print the whole trace")
    parser.add_argument("--json", action="store_true", help="print the numbers only, as JSON")
    parser.add_argument("--output", type=whole(0, MOST_LINES), default=3, metavar="N",
                        help="lines of the program's output to print (3)")
    parser.add_argument("--check", type=whole(0, MOST_LINES), default=MODEL_CALLS, metavar="N",
                        help=f"calls to compare with the contract's model ({MODEL_CALLS}; 0: all)")
    parser.add_argument("--stdin", metavar="FILE", help="standard input (empty)")
    parser.add_argument("--lib", default=str(SOURCES), metavar="DIR",
                        help="where libosmem.so is (src)")
    parser.add_argument("--timeout", type=seconds, default=120, metavar="S", help="seconds (120)")
    parser.add_argument("program", metavar="PROGRAM")
    parser.add_argument("args", nargs=argparse.REMAINDER, metavar="ARGS")
    return parser.parse_args(argv)


def read_input(path):
    """The bytes of the file to use as standard input; None for no file."""
    if path is None:
        return None
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise HarnessError(f"cannot read {path}: {error.strerror}; check --stdin") from error


def trace_program(options):
    """The finished Run of the program. Raises HarnessError if there is no usable trace."""
    if not os.access(options.program, os.X_OK) or os.path.isdir(options.program):
        raise HarnessError(f"{options.program} is no program; give the path of an executable file")
    args = [os.path.abspath(arg) if os.path.exists(arg) else arg for arg in options.args]
    run = run_traced(os.path.abspath(options.program), build_library(options.lib), args,
                     options.timeout, read_input(options.stdin), TRACE_MOST)
    if run.trace is None or run.status == "tracer" or run.trace.problem:
        raise HarnessError(f"{run.reason}; try tests/run_tests.py --doctor")
    return run


# ---- the report -----------------------------------------------------------------------------

def trace_lines(events, ends):
    """The events as lines; unless `ends` is None, only the first and the last `ends` events."""
    left_out = 0 if ends is None else max(0, len(events) - 2 * ends - 1)
    if left_out:
        remark = (f"... {left_out} more (--all prints them) ...",)
        events = [*events[:ends], remark, *events[ends + left_out:]]
    return [line for event in events for line in event]


def picture(title, tally):
    """The heap and mappings of a Tally: each block if there are few, else their density."""
    model = stats.heap_state(tally)
    if not tally.live:
        return [f"{title}: no block is live, {tally.heap:,} bytes below the break"]
    if len(model.heap) <= DRAWN_ONE_BY_ONE:
        return [title + ":", *heapmap.draw(model).splitlines()]
    return [title + ":", *density_lines(stats.density(model, ROW * ROWS)), *mapping_lines(model)]


def density_lines(cells):
    """Rows of characters, one for each cell, by the share of it that is live."""
    marks = "".join("#" if share == 1 else "+" if share >= 0.5 else "-" if share else "."
                    for share in cells.shares)
    lines = [f"  +0x{row * cells.size:<8x}|{marks[row:row + ROW]}|"
             for row in range(0, len(marks), ROW)]
    return [f"  {LEGEND}; a character is {cells.size:,} bytes", *lines]


def mapping_lines(model):
    """One line on all live mappings, none if there are none."""
    sizes = sorted((block.size for block in model.maps.values()), reverse=True)
    shown = ", ".join(f"{size:,}" for size in sizes[:5]) + (", ..." if len(sizes) > 5 else "")
    return [f"  and {len(sizes)} mapped: {shown} bytes"] if sizes else []


def line_of(title, value, remark=""):
    """One line of numbers."""
    return f"{title:14}{value:>11,}  {remark}".rstrip()


def counted(title, counts):
    """One line of counts, the total first."""
    parts = ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items()))
    return line_of(title, sum(counts.values()), parts)


def number_lines(numbers):
    """The numbers, for people."""
    full = numbers["fullest"]
    held = full["held"]
    return [
        counted("calls", numbers["calls_by_name"]),
        counted("system calls", numbers["system_calls"]),
        line_of("largest heap", numbers["largest_heap"], "bytes from HeapStart to the break"),
        line_of("most mapped", numbers["largest_mapped"], "bytes in mappings at one time"),
        line_of("held, fullest", held, f"bytes in heap and mappings after call {full['call']:,}:"),
        line_of("  payload", full["payload"],
                f"{share(full['payload'], held)}  asked for, in {blocks(full['blocks'])}"),
        line_of("  headers", full["headers"], f"{share(full['headers'], held)}  32 bytes each"),
        line_of("  free, slack", full["free_and_slack"], share(full["free_and_slack"], held)),
    ]


def blocks(count):
    """A number of blocks as text."""
    return f"{count:,} block" + "s" * (count != 1)


def share(part, whole):
    """A percentage as text."""
    return f"{100 * part / whole:5.1f} %" if whole else "    - %"


def leak_lines(leaks):
    """What is live at the end, the first few one by one."""
    total = sum(leak["payload"] for leak in leaks)
    shown = [line_of("", leak["payload"], f"bytes from call {leak['call']:,}, {leak['name']}")
             for leak in leaks[:LEAKS]]
    unit = blocks(len(leaks)).split()[1]
    return [line_of("leaks", len(leaks), f"{unit}, {total:,} bytes" if leaks else ""), *shown,
            *["                ..."] * (len(leaks) > LEAKS)]


def agreement_lines(seen, calls):
    """Whether the trace is what the contract says."""
    if seen.difference:
        number, expected, actual = seen.difference
        return [f"CONTRACT BROKEN by call {number:,}. The model says:",
                *("  " + line for line in expected), "but the trace has:",
                *("  " + line for line in actual)]
    if seen.calls == calls:
        remark = "calls compared, which are all"
    else:
        remark = f"calls compared, of {calls:,}: {seen.stopped or '--check 0 compares all'}"
    return [line_of("as model says", seen.calls, remark)]


def output_lines(run, most):
    """What the program printed, in short, and what went wrong if anything did."""
    lines = printable(run.stdout).splitlines()
    left_out = [f"| ... {len(lines) - most} more lines"] if 0 < most < len(lines) else []
    errors = printable(run.stderr).splitlines()[:ERROR_LINES]
    shown = ["| " + line[:96] for line in lines[:most]] + left_out + ["| " + e for e in errors]
    return shown + ([f"NOT A NORMAL RUN: {run.reason}"] if run.reason else [])


def report(options, run, events, numbers, seen):
    """The whole text."""
    fullest = stats.follow(events, numbers["fullest"]["call"])
    lines = [*output_lines(run, options.output), "trace:"]
    lines += ["  " + line for line in trace_lines(events, None if options.all else options.n)]
    lines += picture(f"heap when it was fullest, after call {fullest.call:,}", fullest)
    lines += picture("heap at the end", stats.follow(events))
    lines += number_lines(numbers) + leak_lines(numbers["leaks"])
    return lines + agreement_lines(seen, numbers["calls"])


def show(options):
    """Trace, print; the exit status."""
    run = trace_program(options)
    events = events_text(run.trace)
    numbers = stats.numbers(events)
    if not numbers["calls"]:
        raise HarnessError(f"{options.program} called no os_* function of libosmem.so; "
                           "link it with -losmem (not with libosmem.a)")
    seen = stats.compare_with_model(events, options.check or None, os.sysconf("SC_PAGE_SIZE"))
    if options.json:
        print(json.dumps(numbers, indent=1))
    else:
        print("\n".join(report(options, run, events, numbers, seen)))
    return 1 if seen.difference or run.status != "exited" or run.code else 0


def main(argv):
    """Run; errors of the harness become one line and exit status 2."""
    try:
        return show(parse_arguments(argv))
    except HarnessError as error:
        print(f"show_trace: {error}", file=sys.stderr)
        return 2
