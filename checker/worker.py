# SPDX-License-Identifier: BSD-3-Clause
"""Grades one submission in a process of its own, and ends that process when its budget is spent.

Whatever reads a submission or what its programs did - archives, Makefiles, traces - runs in the
child. The parent reads the clock, and the Result that the child sends.
"""

import contextlib
import ctypes
import json
import os
import selectors
import signal
import time
from dataclasses import dataclass

import result
import tree
from course import CannotGrade
from result import BROKEN, Result
from scratch import Full, full_is_said

tree.add_harness()
from harness import entry, runner  # noqa: E402
from harness.build import HarnessError  # noqa: E402
from harness.report import one_line  # noqa: E402

WALL_SECONDS, CPU_SECONDS = 600, 300
WALL_EACH, CPU_EACH = 5, 2.5    # seconds for each run of a program, where these are more
LOOK_EVERY = 0.25               # seconds between two looks at the processor time
CHUNK = 1 << 16
TICKS = os.sysconf("SC_CLK_TCK")
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36


@dataclass(frozen=True)
class Budget:
    """Seconds for all that is done with one submission: wall time, and processor time of all its
    processes together."""

    wall: float
    cpu: float


class Spent(Exception):
    """The budget is spent: str(e) says which part of it."""


def budget(course):
    """The Budget of each submission: what the settings say, or by the number of runs."""
    settings = course.settings
    runs = len(course.planned()) + len(course.twins)
    return Budget(settings.wall_seconds or max(WALL_SECONDS, WALL_EACH * runs),
                  settings.cpu_seconds or max(CPU_SECONDS, CPU_EACH * runs))


def die_with(parent, number):
    """Get a signal when the process `parent`, which started this one, ends; end if it has."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0)
    if os.getppid() != parent:
        raise SystemExit(128 + number)


def adopt(orphans):
    """Whether processes whose parent has ended become children of this one."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, int(orphans), 0, 0, 0)


def supervised(work, name, most):
    """The Result that work() returns in a child process. Spent if it used up the Budget `most`;
    Full if the disk is full."""
    adopt(True)
    before = set(own_children())
    reader, writer = os.pipe()
    parent = os.getpid()
    child = os.fork()
    if not child:
        os.close(reader)
        be_child(work, name, writer, parent)
    os.close(writer)
    try:
        with os.fdopen(reader, "rb", 0) as channel:
            told = read_within(channel, child, most)
    finally:
        end(child, before)
        adopt(False)
    return understood(told, name)


def understood(told, name):
    """The Result of what a child sent."""
    try:
        made = json.loads(told)
        if "full" in made:
            raise Full(OSError(*made["full"]))
        return result.from_document(made)
    except (ValueError, KeyError, TypeError):
        return Result(name, BROKEN, "the process that graded it was killed; look for a lack of "
                      "memory, the same command tries it again")


# ---- the child ----------------------------------------------------------------------------------

def be_child(work, name, writer, parent):
    """Do the work, send its result, and end; never returns."""
    status = 1
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)    # the parent decides
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        die_with(parent, signal.SIGKILL)
        text = json.dumps(attempt(work, name)).encode("utf-8", "backslashreplace")
        with os.fdopen(writer, "wb") as channel:
            channel.write(text)
        status = 0
    finally:
        os._exit(status)


def attempt(work, name):
    """The document of the Result of work(), or of what went wrong with it: there always is one."""
    try:
        with full_is_said():
            return result.document(work())
    except Full as error:
        return {"full": error.error}
    except (CannotGrade, HarnessError) as reason:
        made = Result(name, BROKEN, one_line(str(reason)))
    except OSError as error:
        made = Result(name, BROKEN, one_line(entry.about(error)))
    except Exception as error:      # a mistake of the grader's, on input that nobody thought of
        made = Result(name, BROKEN, f"the grader stumbled over it: {one_line(repr(error))}; "
                      "grade it by hand and report this")
    return result.document(made)


# ---- the parent ---------------------------------------------------------------------------------

def read_within(channel, child, most):
    """All that a child sends until it ends. Spent if the budget is spent before."""
    deadline = time.monotonic() + most.wall
    told = bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(channel, selectors.EVENT_READ)
        while True:
            if selector.select(LOOK_EVERY):
                data = os.read(channel.fileno(), CHUNK)
                if not data:
                    return bytes(told)
                told += data
            if time.monotonic() > deadline:
                raise Spent(f"more than {most.wall:g} s")
            if cpu_seconds(child) > most.cpu:
                raise Spent(f"more than {most.cpu:g} s of processor time")


def cpu_seconds(pid):
    """The processor time that a process and all below it have used, as far as it is known."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            words = file.read().rpartition(b")")[2].split()
        own = sum(map(int, words[11:15])) / TICKS
        return own + sum(map(cpu_seconds, children(pid)))
    except (OSError, ValueError):
        return 0


def children(pid):
    """The processes that any thread of a process has started."""
    with contextlib.suppress(OSError):
        return [found for task in os.listdir(f"/proc/{pid}/task")
                for found in runner.children(pid, task)]
    return []


def own_children():
    """Those of this process."""
    return children(os.getpid())


def end(child, before):
    """Kill a child and all that it left behind, which are children of this process then."""
    kill(child)
    while True:
        left = set(own_children()) - before
        if not left:
            return
        for pid in left:
            kill(pid)


def kill(pid):
    """Kill a child of this process and take its exit status."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)
