# SPDX-License-Identifier: BSD-3-Clause
"""The directory for all temporary files of one command.

Everything that a command writes for a moment lies in one directory, which goes away with the
command. A command that was killed cannot remove its own: the next one does. A live directory is
known by a lock (flock) that its command holds, so that nobody removes it.
"""

import contextlib
import fcntl
import os
import shutil
import signal
import sys
import tempfile

from . import build

PREFIX = "osmem-command-"
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


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
        try:
            lock = open_directory(place)
        except FileNotFoundError:       # another command took it for a leftover
            continue
        with contextlib.suppress(OSError):      # some file systems have no locks
            fcntl.flock(lock, fcntl.LOCK_EX)
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.stat(place), os.fstat(lock)):
                os.fchmod(lock, 0o711)
                return place, lock
        os.close(lock)          # the same, before it was locked


def open_directory(path):
    """A descriptor of a directory that is no link."""
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)


def remove_leftovers(base):
    """Remove the directories of this user's commands that were killed."""
    found = os.listdir(base) if os.access(base, os.R_OK) else ()
    for path in (os.path.join(base, name) for name in found if name.startswith(PREFIX)):
        try:
            lock = open_directory(path)
        except OSError:         # a link, no directory, another user's, or gone
            continue
        with contextlib.suppress(OSError):
            if os.fstat(lock).st_uid == os.geteuid():
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path, ignore_errors=True)
        os.close(lock)


def exit_on_signals():
    """SIGTERM and SIGHUP end this process like an interrupt, with nothing left behind."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:      # as nohup has it
            signal.signal(number, lambda number, _: sys.exit(128 + number))
