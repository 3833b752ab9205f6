# SPDX-License-Identifier: BSD-3-Clause
"""Measure two claims about the grader: marks are reproducible, and time grows with the class.

    marks [--times N]                  grade this library and ten broken ones N times (default: 20):
                                       checker/results/marks.csv
    growth [--counts 10,50,100,500]    submissions per minute on two cores, and the memory of the
                                       command: checker/results/growth.csv
    growth --few                       the same with a suite of three programs and without style:
                                       the cost of the class, not the submissions

Run it from the top of the repository: `python3 -m checker.measure`. Both measurements use the
grader's default settings; options after `--` are passed to the grader. Exit status: 0, or 1 if a
submission got two different marks.
"""

import argparse
import csv
import itertools
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from . import result, tree

HERE = tree.ROOT / "checker"
RESULTS = HERE / "results"
NAIVE = tree.ROOT / "tests/naive_library.c"
VARIANTS = ("GROWS_BY_PAGES", "NO_PREALLOCATION", "MERGES_AT_FREE", "NEVER_MERGES", "FIRST_FIT",
            "SPLITS_TOO_SMALL", "NEVER_UNMAPS", "CALLOC_NOT_ZERO", "COPIES_HALF", "CRASHES")
FEW = ("test-malloc-first-use-preallocates", "test-malloc-best-fit", "test-free-unmaps")
CORES = 2
POLL = 0.2              # seconds between two measurements of the command's memory


def variant(folder, mistake):
    """Write a submission: the tests' short allocator with one mistake."""
    (folder / "src").mkdir(parents=True)
    (folder / "src/osmem.c").write_text(f"#define MISTAKE {mistake}\n" + NAIVE.read_text())


def grade(paths, out, more):
    """Grade a class with checker/grade: (seconds, peak memory of the command itself in KiB)."""
    words = [sys.executable, str(tree.ROOT), "--out", str(out), "--quiet", "--fresh",
             "-j", str(CORES), *more, *map(str, paths)]
    begin = time.monotonic()
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL)
    peak = 0
    while process.poll() is None:
        peak = max(peak, peak_memory(process.pid))
        time.sleep(POLL)
    if process.returncode:
        sys.exit(f"measure: grading failed with exit status {process.returncode}")
    return time.monotonic() - begin, peak


def peak_memory(pid):
    """The peak resident size of a process, in KiB; 0 if the process has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), 0)


def marks(place, times, more):
    """Rows (submission, times, the different marks) for the library and the variants."""
    shutil.copytree(tree.ROOT / "src", place / "class/reference/src",
                    ignore=shutil.ignore_patterns("*.o", "*.a", "*.so", "debug"))
    for mistake in VARIANTS:
        variant(place / "class" / mistake, mistake)
    paths = sorted((place / "class").iterdir())
    found = {path.name: [] for path in paths}
    for number in range(times):
        grade(paths, place / "out", more)
        for name, seen in found.items():
            seen.append(one_mark(result.read(place / "out" / name / "result.json")))
        print(f"{number + 1} of {times}", file=sys.stderr, flush=True)
    return [(name, len(seen), " ".join(f"{score:g}" for score, _ in sorted(set(seen))),
             len(set(seen))) for name, seen in found.items()]


def one_mark(done):
    """(score, the status and share of each test)."""
    return done.score, tuple((test.name, test.status, test.share) for test in done.tests)


def growth(place, counts, more):
    """Rows (submissions, seconds, submissions per minute, KiB), one for each class size."""
    rows = []
    for count in counts:
        folder = place / f"class-{count}"
        for number, mistake in zip(range(count), itertools.cycle(("NONE", *VARIANTS))):
            variant(folder / f"s{number:04}", mistake)
        seconds, peak = grade(sorted(folder.iterdir()), place / f"out-{count}", more)
        rows.append((count, f"{seconds:.1f}", f"{60 * count / seconds:.1f}", peak))
        print(rows[-1], file=sys.stderr, flush=True)
        shutil.rmtree(place / f"out-{count}")
    return rows


def few_programs(place):
    """Write a suite of the programs in FEW; its directory."""
    for folder, ending in (("snippets", ".c"), ("ref", ".ref")):
        (place / folder).mkdir(parents=True)
        for name in FEW:
            shutil.copy(tree.ROOT / "tests" / folder / (name + ending), place / folder)
    shutil.copy(tree.ROOT / "tests/snippets/snippet.h", place / "snippets")
    tests = {name: {"points": 1, "group": "few"} for name in FEW}
    (place / "suite.json").write_text(json.dumps({"tests": tests}))
    return str(place)


def earlier(name, head, settings):
    """The rows of a file in checker/results that were measured with other settings."""
    try:
        with open(RESULTS / name, newline="", encoding="utf-8") as file:
            return [tuple(row) for row in list(csv.reader(file))[1:]
                    if "settings" in head and row[-1] != settings]
    except OSError:
        return []


def write(name, head, rows):
    """Write rows to a file in checker/results and print them."""
    RESULTS.mkdir(exist_ok=True)
    rows = [*rows, *earlier(name, head, rows[0][-1])]
    with open(RESULTS / name, "w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([head, *rows])
    for row in (head, *rows):
        print("  ".join(str(cell).rjust(12) for cell in row))


def main(argv):
    """Carry out the command line; the exit status."""
    words, more = argv, []
    if "--" in argv:
        words, more = argv[:argv.index("--")], argv[argv.index("--") + 1:]
    parser = argparse.ArgumentParser(prog="checker.measure", description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=["marks", "growth"])
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--counts", default="10,50,100,500")
    parser.add_argument("--few", action="store_true")
    options = parser.parse_args(words)
    with tempfile.TemporaryDirectory(prefix="osmem-measure-") as place:
        if options.what == "marks":
            rows = marks(Path(place), options.times, more)
            write("marks.csv", ("submission", "times", "marks", "different"), rows)
            return int(any(row[-1] != 1 for row in rows))
        settings = " ".join(more) or "default"
        if options.few:
            more = ["--no-style", "--suite", few_programs(Path(place) / "suite"), *more]
            settings = "3 programs, no style"
        counts = [int(word) for word in options.counts.split(",")]
        write("growth.csv", ("submissions", "seconds", "per_minute", "peak_KiB", "settings"),
              [(*row, settings) for row in growth(Path(place), counts, more)])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
