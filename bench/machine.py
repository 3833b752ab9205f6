# SPDX-License-Identifier: BSD-3-Clause
"""When, with which version and on what machine the numbers were measured."""

import os
import platform
import re
import subprocess
import time
from pathlib import Path

from tests.harness import version


def facts(packages):
    """[(fact, value)]. packages: installed Debian packages whose versions belong to the facts."""
    found = [
        ("osmem", version.number()),
        ("date", time.strftime("%Y-%m-%d", time.gmtime())),
        ("processor", _in_file("/proc/cpuinfo", r"^model name\s*: (.*)$")),
        ("cores", str(os.cpu_count())),
        ("memory", _in_file("/proc/meminfo", r"^MemTotal:\s*(\d+ kB)$")),
        ("system", _in_file("/etc/os-release", r'^PRETTY_NAME="?([^"\n]*)"?$')),
        ("kernel", platform.release()),
        ("huge pages", _in_file("/sys/kernel/mm/transparent_hugepage/enabled", r"\[(\w+)\]")),
        ("C library", os.confstr("CS_GNU_LIBC_VERSION") or "unknown"),
        ("compiler", _first_line(["gcc", "--version"])),
    ]
    versions = ((name, _first_line(["dpkg-query", "-W", "-f=${Version}", name]))
                for name in packages)
    return found + [(name, version) for name, version in versions if version != "unknown"]


def _in_file(path, pattern):
    """The pattern's group in a file, 'unknown' where there is none."""
    try:
        match = re.search(pattern, Path(path).read_text(), re.MULTILINE)
    except OSError:
        match = None
    return match[1].strip() if match else "unknown"


def _first_line(command):
    """The first line a command prints, 'unknown' when it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return (done.stdout.splitlines() or ["unknown"])[0]
