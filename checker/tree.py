# SPDX-License-Identifier: BSD-3-Clause
"""The files of the repository, for the linters and the layout tests."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD_DIRS = {".git", "build", "__pycache__", ".hypothesis", ".pytest_cache"}


def _from_git():
    """The paths of tracked files and of untracked ones that are not ignored; None if this is not a
    git checkout."""
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others",
               "--exclude-standard"]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return [ROOT / name for name in done.stdout.decode().split("\0") if name]


def _from_disk():
    """The paths of all files outside build directories, for a tree from an archive."""
    return [path for path in ROOT.rglob("*")
            if not BUILD_DIRS.intersection(path.relative_to(ROOT).parts)]


def files(*patterns):
    """Existing regular files whose name matches one of the patterns ('*.c'), sorted."""
    every = _from_git()
    if every is None:
        every = _from_disk()
    return sorted(path for path in every if path.is_file() and not path.is_symlink()
                  and any(path.match(pattern) for pattern in patterns))


def c_files():
    """All C sources and headers."""
    return files("*.c", "*.h")


def python_files():
    """All Python sources."""
    return files("*.py")


def shell_files():
    """All shell scripts, with and without the extension .sh."""
    return files("*.sh", ".ci/run", "checker/grade", "run_autograder")
