# SPDX-License-Identifier: BSD-3-Clause
"""Grade a class: a process for each submission, up to --jobs of them at a time.

Each process runs the command that grades one submission, so GNU parallel or a Slurm array can run
the same processes (docs/grading.md). The result files alone show which submissions are finished, so
a run that was killed can be resumed. Only the rows of the table are kept in memory.
"""

import concurrent.futures
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from tests.harness import entry, temporary
from tests.harness.feedback.export import write_text as write_through
from . import formats, intake, result, worker
from .course import CannotGrade
from .result import BROKEN, Result, write_text
from .tree import ROOT

STOPPED = 75            # exit status of a grading process that found the disk full
PATIENCE = 60           # seconds that a process may run beyond its submission's budget
ENDING = 10             # seconds that processes have to end after SIGTERM


class Stopped(CannotGrade):
    """The machine cannot go on: no submission is to blame."""


def finished(path, folder, fingerprint):
    """The Result in a folder if it is of this submission, with these settings, suite and grader;
    else None."""
    done = result.read(Path(folder) / "result.json")
    if done is None or done.status == BROKEN or done.fingerprint != fingerprint:
        return None
    return done if done.identity == intake.identity(path) else None


def write(done, folder):
    """Write all files of a result. result.json comes last: it marks the result as finished."""
    for name in sorted(formats.FILES, key=lambda name: name == "result.json"):
        write_text(Path(folder) / name, formats.FILES[name](done))


def command(path, name, options, course):
    """The command that grades one submission of a class."""
    made = course.settings
    words = [sys.executable, str(ROOT), os.path.abspath(path), f"--name={name}",
             f"--out={options.out}", "--quiet", "-j", "1",
             "--build-seconds", str(made.build_seconds), "--worker", str(os.getpid())]
    words += ["--wall-seconds", str(made.wall_seconds)] if made.wall_seconds else []
    words += ["--cpu-seconds", str(made.cpu_seconds)] if made.cpu_seconds else []
    words += ["--suite", made.suite] * bool(made.suite)
    words += ["--seeds", str(made.seeds), "--seed", str(made.seed)] if made.seeds else []
    words += ["--faults"] * made.faults + ["--no-style"] * (not made.style)
    words += ["--unprotected"] * options.unprotected + ["--fresh"]
    return words + [word for layer in options.without for word in ("--without", layer)]


class Children:
    """The grading processes that are running. stop() ends all of them. Thread-safe."""

    def __init__(self):
        self.lock = threading.Lock()
        self.running = set()
        self.stopped = False

    def add(self, process):
        """Add a process that was started; end it at once if stop() was called before."""
        with self.lock:
            self.running.add(process)
            if self.stopped:
                process.terminate()

    def discard(self, process):
        """Remove a process that has ended."""
        with self.lock:
            self.running.discard(process)

    def stop(self):
        """End all processes and wait until they have removed their temporary files; kill those
        that take longer than ENDING."""
        with self.lock:
            self.stopped = True
            running = list(self.running)
        for process in running:
            process.terminate()
        deadline = time.monotonic() + ENDING
        for process in running:
            try:
                process.wait(max(0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()


class Progress:
    """Progress on stderr: one line that is overwritten on a terminal, else a line a submission."""

    def __init__(self, total, quiet, out=None):
        self.out = out or sys.stderr
        self.total, self.quiet = total, quiet
        self.done = self.graded = 0
        self.begin = time.monotonic()

    def add(self, row, was_graded):
        """Count one more submission; `was_graded`: graded in this run, not before it."""
        self.done += 1
        self.graded += was_graded
        if self.quiet:
            return
        line = f"[{self.done}/{self.total}] {row[0]}: {row[2]}" + self.left()
        if not was_graded and not self.out.isatty():
            return
        self.out.write(f"\r\033[K{line}" if self.out.isatty() else line + "\n")
        self.out.flush()

    def left(self):
        """The estimated time for the remaining submissions, in words."""
        rest = self.total - self.done
        if not rest or not self.graded:
            return ""
        seconds = (time.monotonic() - self.begin) / self.graded * rest
        return f", {duration(seconds)} left"

    def end(self):
        """Clear the terminal's line."""
        if not self.quiet and self.out.isatty():
            self.out.write("\r\033[K")


def duration(seconds):
    """Seconds in words."""
    seconds = round(seconds)
    if seconds < 90:
        return f"{seconds} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def grade_all(chosen, options, course):
    """Grade the submissions that are not finished, print and write the table; the exit status."""
    fingerprint = course.fingerprint()
    entry.make_folder(options.out)
    progress = Progress(len(chosen), options.quiet)
    rows, waiting = {}, []
    for path, name in chosen:
        done = None if options.fresh else finished(path, Path(options.out) / name, fingerprint)
        if done is None:
            waiting.append((path, name))
        else:
            rows[name] = formats.table.row(done)
            progress.add(rows[name], False)
    run_all(waiting, options, course, rows, progress)
    ordered = [rows[name] for _, name in chosen]
    return conclude(ordered, options)


def run_all(waiting, options, course, rows, progress):
    """Grade the submissions in `waiting` and add a row for each to `rows`."""
    children = Children()
    pool = concurrent.futures.ThreadPoolExecutor(options.jobs)
    try:
        jobs = {pool.submit(one, path, name, options, course, children): name
                for path, name in waiting}
        for job in concurrent.futures.as_completed(jobs):
            rows[jobs[job]] = job.result()
            progress.add(rows[jobs[job]], True)
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        with temporary.undisturbed():
            children.stop()
        raise
    finally:
        progress.end()
        pool.shutdown()


def one(path, name, options, course, children):
    """Grade one submission in a process of its own; its row of the table."""
    folder = Path(options.out) / name
    entry.make_folder(folder)
    process = subprocess.Popen(command(path, name, options, course), stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                               umask=entry.users_umask)
    children.add(process)
    try:
        _, said = process.communicate(timeout=worker.budget(course).wall + PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        _, said = process.communicate()
    finally:
        children.discard(process)
    if process.returncode == STOPPED:
        raise Stopped(last_line(said).removeprefix("grade: "))
    done = result.read(folder / "result.json")
    if done is None or (process.returncode and done.status != BROKEN):
        done = Result(name, BROKEN, f"{last_line(said)} (exit status {process.returncode})")
        if not children.stopped:
            write(done, folder)
    return formats.table.row(done)


def last_line(said):
    """The last line that a process printed on stderr."""
    return (said.decode("utf-8", "replace").strip().splitlines() or ["it gave no reason"])[-1]


def conclude(rows, options):
    """Print the table and write it as CSV; the exit status."""
    if not options.quiet:
        print(formats.table.table(rows), end="")
    text = formats.table.csv_table(rows)
    write_text(os.path.join(options.out, "class.csv"), text)
    if options.csv:
        write_through(options.csv, text)
    broken = [row[0] for row in rows if row[1] == BROKEN]
    if broken:
        print(f"grade: {len(broken)} of {len(rows)} could not be graded, the first is {broken[0]}; "
              "the table says why; rerun the command to retry them", file=sys.stderr)
    return 2 if broken else 0


def show_table(options):
    """Print and write the table of all results in --out, for use after GNU parallel or Slurm; the
    exit status."""
    found = [result.read(path) for path in sorted(Path(options.out).glob("*/result.json"))]
    rows = [formats.table.row(done) for done in found if done]
    if not rows:
        print(f"grade: there is no result in {options.out}; grade first, or name another --out",
              file=sys.stderr)
        return 2
    return conclude(rows, options)
