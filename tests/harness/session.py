# SPDX-License-Identifier: BSD-3-Clause
"""One session of the suite: build what is missing, run the tests in parallel, hand out results."""

import concurrent.futures
import os
import signal
import threading
import time
from pathlib import Path

from . import build, doctor, grade, suite

MOST_HUNG = 8       # programs that may take all their time; those after them get less:
LESS = 1.0          # seconds
PAUSE = 0.02        # seconds between two looks at what is still running after an interrupt


def library_directory(chosen, kind=build.OSMEM):
    """The directory with the library under test; src/, which `chosen` None means, is built.

    In any other directory nothing is run: HarnessError if the library there is missing or older
    than sources beside it.
    """
    if chosen is None or Path(chosen).resolve() == build.SOURCES:
        return build.build_library(build.SOURCES, kind)
    found = build.check_library(chosen, kind)
    made = (Path(chosen) / kind.file).stat().st_mtime_ns
    for source in sorted([*Path(chosen).glob("*.c"), *Path(chosen).glob("*.h")]):
        if source.is_file() and source.stat().st_mtime_ns > made:
            raise build.HarnessError(f"{chosen}/{kind.file} is older than {source.name}; "
                                     f"build it: make -C {chosen}")
    return found


def build_directory(root):
    """Where the programs of the suite in directory `root` are built."""
    root = Path(root).resolve()
    if root.is_relative_to(suite.DEFAULT_ROOT):
        return build.BUILD / root.relative_to(suite.DEFAULT_ROOT)
    return root / "build"


def run_all(tests, args, took):
    """Run `tests` as the options `args` say: their outcomes, in the order of `tests`.

    References are read before any program runs. More: each().
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
    """The outcomes one(test, program), so many jobs at a time, in the order of `tests`.

    `took(outcome)` is called for each as soon as it is there. On KeyboardInterrupt or any error,
    everything that was started is killed.
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
    """The outcome of one test, with memory checks if they are asked for."""
    outcome = grade.grade(test, expected, program, library, timeout)
    if outcome.run.trace is not None and outcome.run.trace.problem:
        doctor.require_tracing()
    if memory:
        from . import memcheck      # late: only -m has to wait for the XML parser
        memcheck.check(outcome, program, library, timeout)
    return outcome


def abandon(pool):
    """Kill all that the pool's threads have started, until none of them is left."""
    old = signal.signal(signal.SIGINT, signal.SIG_IGN)
    pool.shutdown(wait=False, cancel_futures=True)
    while any(thread.name.startswith("ThreadPoolExecutor") for thread in threading.enumerate()):
        kill_children()
        time.sleep(PAUSE)
    signal.signal(signal.SIGINT, old)


def kill_children():
    """Send SIGKILL to every child of this process, whichever thread started it."""
    for file in Path("/proc/self/task").glob("*/children"):     # none where /proc is missing
        try:
            text = file.read_text(encoding="ascii")
        except OSError:
            continue
        for pid in text.split():
            try:
                os.kill(int(pid), signal.SIGKILL)
            except ProcessLookupError:
                pass
