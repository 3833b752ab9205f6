# SPDX-License-Identifier: BSD-3-Clause
"""The allocators to compare with: packages of the distribution, installed if they are missing."""

import os
import shutil
import subprocess
from collections import namedtuple

# packages, libraries: names in several releases of Debian and Ubuntu; the first that works is taken
Other = namedtuple("Other", "name packages libraries")

OTHERS = [
    Other("jemalloc", ["libjemalloc2"], ["libjemalloc.so.2"]),
    Other("mimalloc", ["libmimalloc2.0", "libmimalloc3"],
          ["libmimalloc.so.2", "libmimalloc.so.2.0", "libmimalloc.so.3"]),
    Other("tcmalloc", ["libtcmalloc-minimal4", "libtcmalloc-minimal4t64"],
          ["libtcmalloc_minimal.so.4"]),
]


def find(why_not, others=None):
    """What can be compared: ({name: library}, [a line for each allocator that is left out]).

    why_not: a function, (name, library) -> None when a driver can use the library, else the reason.
    Packages are installed where that is possible without asking.
    """
    found, missing = {}, []
    for other in OTHERS if others is None else others:
        library, reason = _library(why_not, other)
        if not library:
            reason = install(other.packages) or _library(why_not, other)[1]
            library = _library(why_not, other)[0]
        if library:
            found[other.name] = library
        else:
            missing.append(f"{other.name} is left out: {reason}")
    return found, missing


def _library(why_not, other):
    """(the first library that can be used, None), or (None, why the last one cannot)."""
    reason = None
    for library in other.libraries:
        reason = why_not(other.name, library)
        if not reason:
            return library, None
    return None, reason


def install(packages):
    """Install the first available package. None if that worked, else cause and remedy."""
    by_hand = f"apt-get install {packages[0]}"
    if not shutil.which("apt-get"):
        return f"this is not Debian or Ubuntu; install what matches {packages[0]}"
    if os.geteuid() == 0:
        root = ["env"]
    elif shutil.which("sudo") and _works(["sudo", "-n", "true"]):
        root = ["sudo"]
    else:
        return f"not installed; run as root: {by_hand}"
    quietly = [*root, "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq"]
    for _ in range(2):
        for package in packages:
            if _works([*quietly, "install", "-y", "--no-install-recommends", package]):
                return None
        _works([*quietly, "update"])
    return f"apt-get could not install it; apt-get update, then: {by_hand}"


def _works(command):
    """Whether a command succeeds; its output is discarded."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, check=False)
    return done.returncode == 0
