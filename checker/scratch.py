# SPDX-License-Identifier: BSD-3-Clause
"""What a full disk means, and what the directory for temporary files needs."""

import contextlib
import errno
import os
import tempfile
from pathlib import Path

import tree
from course import CannotGrade

tree.add_harness()
from harness import entry  # noqa: E402

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
NEEDED = 8 << 20        # bytes that must be free before and after each submission


class Full(CannotGrade):
    """A file cannot be written for want of space: no submission is to blame for that."""

    def __init__(self, error):
        super().__init__(f"{entry.about(error)}; the same command goes on from here")
        name = error.filename
        self.error = [error.errno, error.strerror, name if isinstance(name, str) else None]


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
