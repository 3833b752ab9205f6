# SPDX-License-Identifier: BSD-3-Clause
"""Grade one submission in a child process, and kill the child if it exceeds its time budget.

All code that reads archives, Makefiles and traces runs in the child. The parent only watches the
clock and reads the Result that the child sends.
"""

import contextlib
import ctypes
import json
import os
import selectors
import signal
import time
from dataclasses import dataclass

from tests.harness import entry
from tests.harness.tracing import runner
from tests.harness.build import HarnessError
from tests.harness.feedback.report import one_line
from . import result
from .course import CannotGrade
from .result import BROKEN, Result
from .scratch import Full, full_is_said

WALL_SECONDS, CPU_SECONDS = 600, 300
WALL_EACH, CPU_EACH = 5, 2.5    # seconds for each run of a program, if their sum is more
LOOK_EVERY = 0.25               # seconds between two checks of the processor time
CHUNK = 1 << 16
TICKS = os.sysconf("SC_CLK_TCK")
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36


@dataclass(frozen=True)
class Budget:
    """The seconds for grading one submission: wall time, and processor time summed over all
    processes."""

    wall: float
    cpu: float


class Spent(Exception):
    """The budget is used up. str(e) says which limit was exceeded."""


def budget(course):
    """The Budget of each submission: from the settings, or by the number of program runs."""
    settings = course.settings
    runs = len(course.planned()) + len(course.variants)
    return Budget(settings.wall_seconds or max(WALL_SECONDS, WALL_EACH * runs),
                  settings.cpu_seconds or max(CPU_SECONDS, CPU_EACH * runs))


def die_with(parent, number):
    """Have the kernel send this process the signal `number` when its parent process `parent` ends;
    exit at once if it has ended already."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0)
    if os.getppid() != parent:
        raise SystemExit(128 + number)


def adopt(orphans):
    """Set whether descendants whose parent has ended become children of this process."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, int(orphans), 0, 0, 0)


def supervised(work, name, most):
    """Run work() in a child process; its Result. Spent if the child exceeds the Budget `most`; Full
    if the disk is full."""
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
    """The Result in the bytes that a child sent."""
    try:
        made = json.loads(told)
        if "full" in made:
            raise Full(OSError(*made["full"]))
        return result.from_document(made)
    except (ValueError, KeyError, TypeError):
        return Result(name, BROKEN, "the process that graded it was killed; check whether memory "
                      "ran out, then rerun the command to retry")

# ---- the child ----------------------------------------------------------------------------------


def be_child(work, name, writer, parent):
    """Do the work, send its result and exit. Does not return."""
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
    """The document of the Result of work(), or of a BROKEN Result if work() raises."""
    try:
        with full_is_said():
            return result.document(work())
    except Full as error:
        return {"full": error.error}
    except (CannotGrade, HarnessError) as reason:
        made = Result(name, BROKEN, one_line(str(reason)))
    except OSError as error:
        made = Result(name, BROKEN, one_line(entry.about(error)))
    except Exception as error:      # a bug in the grader, on input that nobody thought of
        made = Result(name, BROKEN, f"the grader failed on it: {one_line(repr(error))}; "
                      "grade it by hand and report this")
    return result.document(made)


# ---- the parent ---------------------------------------------------------------------------------

def read_within(channel, child, most):
    """All bytes that a child sends until it ends. Spent if it exceeds its budget first."""
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
    """The processor time, in seconds, of a process and all its living descendants, with that of
    their descendants that were waited for; 0 if the process is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            words = file.read().rpartition(b")")[2].split()
        own = sum(map(int, words[11:15])) / TICKS
        return own + sum(map(cpu_seconds, children(pid)))
    except (OSError, ValueError):
        return 0


def children(pid):
    """The children of a process, whichever of its threads started them."""
    with contextlib.suppress(OSError):
        return [found for task in os.listdir(f"/proc/{pid}/task")
                for found in runner.children(pid, task)]
    return []


def own_children():
    """The children of this process."""
    return children(os.getpid())


def end(child, before):
    """Kill a child and all its descendants, which become children of this process (adopt()).
    `before`: the children of this process that must not be killed."""
    kill(child)
    while True:
        left = set(own_children()) - before
        if not left:
            return
        for pid in left:
            kill(pid)


def kill(pid):
    """Kill a child of this process and wait for it."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)
