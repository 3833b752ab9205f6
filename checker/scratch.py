# SPDX-License-Identifier: BSD-3-Clause
"""The directory for all temporary files of one command, and what a full disk means.

Everything that a grading writes for a moment lies in one directory, which goes away with the
command. A command that was killed cannot remove its own: the next one does. A live directory is
known by a lock (flock) that its command holds, so that nobody removes it.
"""

import contextlib
import errno
import fcntl
import os
import shutil
import signal
import tempfile
from pathlib import Path

import tree
from course import CannotGrade

tree.add_harness()
from harness import build, entry  # noqa: E402

PREFIX = "osmem-command-"
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
NEEDED = 8 << 20        # bytes that must be free before and after each submission
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Full(CannotGrade):
    """A file cannot be written for want of space: no submission is to blame for that."""

    def __init__(self, error):
        super().__init__(f"{entry.about(error)}; the same command goes on from here")
        name = error.filename
        self.error = [error.errno, error.strerror, name if isinstance(name, str) else None]


@contextlib.contextmanager
def directory():
    """Make the directory, and use it for all temporary files of this process and its children."""
    base = build.plain_directory()
    remove_leftovers(base)
    place, lock = locked(base)
    before = tempfile.tempdir, os.environ.get("TMPDIR")
    tempfile.tempdir = os.environ["TMPDIR"] = place
    try:
        yield place
    finally:
        tempfile.tempdir = before[0]
        os.environ.pop("TMPDIR")
        if before[1] is not None:
            os.environ["TMPDIR"] = before[1]
        with undisturbed():
            shutil.rmtree(place, ignore_errors=True)
        os.close(lock)


@contextlib.contextmanager
def undisturbed():
    """A second signal does not interrupt what the first one began."""
    before = {}
    with contextlib.suppress(ValueError):       # not in the main thread: no signals there
        before = {number: signal.signal(number, signal.SIG_IGN) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def locked(base):
    """(a new directory that sandboxed users can pass through but not list, its lock)."""
    while True:
        place = tempfile.mkdtemp(prefix=PREFIX, dir=base)
        os.chmod(place, 0o711)
        lock = open_directory(place)
        if lock is None:
            continue
        with contextlib.suppress(OSError):      # some file systems have no locks
            fcntl.flock(lock, fcntl.LOCK_EX)
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.stat(place), os.fstat(lock)):
                return place, lock
        os.close(lock)          # another command took it for a leftover before it was locked


def open_directory(path):
    """A descriptor of a directory that is no link, None if there is none."""
    try:
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None


def remove_leftovers(base):
    """Remove the directories of this user's commands that were killed."""
    for name in os.listdir(base) if os.access(base, os.R_OK) else ():
        path = os.path.join(base, name)
        lock = open_directory(path) if name.startswith(PREFIX) else None
        if lock is None:
            continue
        with contextlib.suppress(OSError):
            if os.fstat(lock).st_uid == os.geteuid():
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path, ignore_errors=True)
        os.close(lock)


@contextlib.contextmanager
def full_is_said(place=None):
    """An OSError that means a full disk becomes Full; `place` is named if the error names none."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL or isinstance(error, entry.LostOutput):
            raise
        raise Full(OSError(error.errno, error.strerror, error.filename or place)) from None


def check_open(box, place):
    """CannotGrade if the sandbox's users cannot come to a directory."""
    if box.has("user") and not box.has("bubblewrap"):
        closed = [path for path in Path(place).parents if not path.stat().st_mode & 1]
        if closed:
            raise CannotGrade(f"{closed[0]} is closed to the sandbox's users; "
                              "set TMPDIR to a directory that everybody can enter")


def check_space(place, needed=NEEDED):
    """Full if so many bytes cannot be written in a directory."""
    with full_is_said(str(place)), tempfile.TemporaryFile(dir=place) as file:
        os.posix_fallocate(file.fileno(), 0, needed)
