# SPDX-License-Identifier: BSD-3-Clause
"""The allocators that osmem is compared with: the distribution's packages, installed if need be."""

import os
import shutil
import subprocess
from collections import namedtuple

import driver

# packages, libraries: names in several releases of Debian and Ubuntu; the first that works is taken
Other = namedtuple("Other", "name packages libraries")

OTHERS = [
    Other("jemalloc", ["libjemalloc2"], ["libjemalloc.so.2"]),
    Other("mimalloc", ["libmimalloc2.0", "libmimalloc3"],
          ["libmimalloc.so.2", "libmimalloc.so.2.0", "libmimalloc.so.3"]),
    Other("tcmalloc", ["libtcmalloc-minimal4", "libtcmalloc-minimal4t64"],
          ["libtcmalloc_minimal.so.4"]),
]

TRIAL = driver.Plan("churn", 10, 10, 1, 10)


def find(program):
    """What can be compared: ({name: library}, [a line for each allocator that is left out]).

    program: the driver. Packages are installed where that is possible without asking.
    """
    found, missing = {}, []
    for other in OTHERS:
        library, reason = _library(program, other)
        if not library:
            reason = _install(other) or _library(program, other)[1]
            library = _library(program, other)[0]
        if library:
            found[other.name] = library
        else:
            missing.append(f"{other.name} is left out: {reason}")
    return found, missing


def _library(program, other):
    """(the first library the driver can use, None), or (None, why the last one cannot be used)."""
    reason = None
    for library in other.libraries:
        try:
            driver.measure(program, TRIAL, [f"{other.name}={library}"])
            return library, None
        except driver.BenchError as error:
            reason = str(error)
    return None, reason


def _install(other):
    """Install the first package there is. None when that worked, else cause and remedy."""
    by_hand = f"apt-get install {other.packages[0]}"
    if not shutil.which("apt-get"):
        return f"this is not Debian or Ubuntu; install what matches {other.packages[0]}"
    if os.geteuid() == 0:
        root = ["env"]
    elif shutil.which("sudo") and _works(["sudo", "-n", "true"]):
        root = ["sudo"]
    else:
        return f"not installed; run as root: {by_hand}"
    for package in other.packages:
        if _works([*root, "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "install", "-y",
                   "--no-install-recommends", package]):
            return None
    return f"apt-get could not install it; apt-get update, then: {by_hand}"


def _works(command):
    """Whether a command succeeds; what it prints is dropped."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, check=False)
    return done.returncode == 0
