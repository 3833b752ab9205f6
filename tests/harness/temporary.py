# SPDX-License-Identifier: BSD-3-Clause
"""The directory for all temporary files of one command.

A command removes its directory when it ends. If it was killed, the next command removes the
directory. A command holds a lock (flock) on its directory, so that others do not remove it.
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
    """A context in which all temporary files of this process and its children are in the directory.
    """
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
    """A context that ignores further signals, so that they do not interrupt the cleaning up."""
    before = {}
    with contextlib.suppress(ValueError):       # only the main thread may set handlers
        before = {number: signal.signal(number, signal.SIG_IGN) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def locked(base):
    """Make a directory that sandboxed users can enter but not list: (its path, its lock)."""
    while True:
        place = tempfile.mkdtemp(prefix=PREFIX, dir=base)
        try:
            lock = open_directory(place)
        except FileNotFoundError:       # another command has removed it as a leftover
            continue
        with contextlib.suppress(OSError):      # some file systems have no locks
            fcntl.flock(lock, fcntl.LOCK_EX)
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.stat(place), os.fstat(lock)):
                os.fchmod(lock, 0o711)
                return place, lock
        os.close(lock)          # another command removed it before it was locked


def open_directory(path):
    """A descriptor of a directory. Does not follow a link."""
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)


def remove_leftovers(base):
    """Remove the directories of killed commands of this user."""
    found = os.listdir(base) if os.access(base, os.R_OK) else ()
    for path in (os.path.join(base, name) for name in found if name.startswith(PREFIX)):
        try:
            lock = open_directory(path)
        except OSError:         # a link, not a directory, of another user, or gone
            continue
        with contextlib.suppress(OSError):
            if os.fstat(lock).st_uid == os.geteuid():
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path, ignore_errors=True)
        os.close(lock)


def exit_on_signals():
    """Let SIGTERM and SIGHUP end this process by SystemExit, so that it cleans up."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:      # nohup ignores SIGHUP
            signal.signal(number, lambda number, _: sys.exit(128 + number))
