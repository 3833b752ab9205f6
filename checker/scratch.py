# SPDX-License-Identifier: BSD-3-Clause
"""Detect full disks, and check the directory for temporary files."""

import contextlib
import errno
import os
import tempfile
from pathlib import Path

from tests.harness import entry
from .course import CannotGrade

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
NEEDED = 8 << 20        # bytes that must be free before and after each submission


class Full(CannotGrade):
    """A disk is full. No submission is to blame, so the run stops."""

    def __init__(self, error):
        super().__init__(f"{entry.about(error)}; then rerun the command to resume")
        name = error.filename
        self.error = [error.errno, error.strerror, name if isinstance(name, str) else None]


@contextlib.contextmanager
def full_is_said(place=None):
    """Context in which an OSError for a full disk is raised as Full. `place` is the path in the
    message if the error has none."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL or isinstance(error, entry.LostOutput):
            raise
        raise Full(OSError(error.errno, error.strerror, error.filename or place)) from None


def check_open(box, place):
    """CannotGrade if the sandbox's users cannot enter a parent of a directory."""
    if box.has("user") and not box.has("bubblewrap"):
        closed = [path for path in Path(place).parents if not path.stat().st_mode & 1]
        if closed:
            raise CannotGrade(f"{closed[0]} is closed to the sandbox's users; "
                              "set TMPDIR to a directory that everybody can enter")


def check_space(place, needed=NEEDED):
    """Full if `needed` bytes cannot be written in a directory."""
    with full_is_said(str(place)), tempfile.TemporaryFile(dir=place) as file:
        os.posix_fallocate(file.fileno(), 0, needed)
