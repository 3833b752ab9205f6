# SPDX-License-Identifier: BSD-3-Clause
"""Run the suite: build what is outdated, run the tests in parallel, collect their outcomes."""

import concurrent.futures
import os
import signal
import threading
import time
from pathlib import Path

from . import build, compare, doctor, suite

MOST_HUNG = 8       # after this many programs have hung, the time-out is at most LESS
LESS = 1.0          # seconds
PAUSE = 0.02        # seconds between two attempts to kill children after an interrupt


def library_directory(chosen, kind=build.OSMEM):
    """The directory with the library under test. `chosen`: its path; None means this repository's.

    Only this repository's library is built. HarnessError if the library in another directory is
    missing or older than the sources beside it.
    """
    if chosen is None or Path(chosen).resolve() == kind.sources:
        return build.build_library(kind.sources, kind)
    found = build.check_library(chosen, kind)
    made = (Path(chosen) / kind.file).stat().st_mtime_ns
    for source in sorted([*Path(chosen).glob("*.c"), *Path(chosen).glob("*.h")]):
        if source.is_file() and source.stat().st_mtime_ns > made:
            raise build.HarnessError(f"{chosen}/{kind.file} is older than {source.name}; "
                                     f"build it: make -C {chosen}")
    return found


def build_directory(root):
    """The directory in which the programs of the suite in `root` are built."""
    root = Path(root).resolve()
    if root.is_relative_to(suite.DEFAULT_ROOT):
        return build.BUILD / root.relative_to(suite.DEFAULT_ROOT)
    return root / "build"


def run_all(tests, args, took):
    """Run `tests` with the options `args`: their outcomes, in the order of `tests`.

    Reads all references before any program runs. `took`: see each().
    """
    expected = suite.read_references(tests)
    library = library_directory(args.library)
    root = args.suite or suite.DEFAULT_ROOT
    programs = build.build_programs([test.c_file for test in tests],
                                    build.complete_library(library),
                                    build_directory(root), args.jobs)
    build.build_guard()
    hung = []

    def one(test, program):
        timeout = args.timeout if len(hung) < MOST_HUNG else min(args.timeout, LESS)
        outcome = run_one(test, expected[test.name], program, library, timeout, args.memory)
        if outcome.run.status == "timeout":
            hung.append(test.name)
        return outcome

    return each(tests, programs, one, args.jobs, took)


def each(tests, programs, one, jobs, took):
    """Call one(test, program) for all tests, `jobs` at a time; the outcomes in suite order.

    Calls took(outcome) as soon as an outcome arrives. On KeyboardInterrupt or any error, all
    processes that were started are killed.
    """
    outcomes = []
    pool = concurrent.futures.ThreadPoolExecutor(jobs)
    try:
        jobs = [pool.submit(one, *pair) for pair in zip(tests, programs)]
        for job in concurrent.futures.as_completed(jobs):
            outcomes.append(job.result())
            took(outcomes[-1])
    except BaseException:
        abandon(pool)
        raise
    pool.shutdown()
    return sorted(outcomes, key=lambda outcome: tests.index(outcome.test))


def run_one(test, expected, program, library, timeout, memory):
    """The outcome of one test, with memory checks if `memory` is true."""
    outcome = compare.run(test, expected, program, library, timeout)
    if outcome.run.trace is not None and outcome.run.trace.problem:
        doctor.require_tracing()
    if memory:
        from . import memcheck      # imported late: only -m needs the XML parser
        memcheck.check(outcome, program, library, timeout)
    return outcome


def abandon(pool):
    """Kill all processes that the pool's threads have started, until the threads have ended."""
    old = signal.signal(signal.SIGINT, signal.SIG_IGN)
    pool.shutdown(wait=False, cancel_futures=True)
    while any(thread.name.startswith("ThreadPoolExecutor") for thread in threading.enumerate()):
        kill_children()
        time.sleep(PAUSE)
    signal.signal(signal.SIGINT, old)


def kill_children():
    """Send SIGKILL to every child of this process, whichever thread started it."""
    for file in Path("/proc/self/task").glob("*/children"):     # none if /proc is missing
        try:
            text = file.read_text(encoding="ascii")
        except OSError:
            continue
        for pid in text.split():
            try:
                os.kill(int(pid), signal.SIGKILL)
            except ProcessLookupError:
                pass
