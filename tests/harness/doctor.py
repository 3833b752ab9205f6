# SPDX-License-Identifier: BSD-3-Clause
"""Check for everything that the traced suite needs, and say how to get what is missing."""

import functools
import os
import pathlib
import platform
import re
import subprocess
import sys
import tempfile

from . import build, entry, machine
from .tracing import runner, trace

KNOWN_LTRACE = re.compile(r"0\.7\.(3|91)\b")
# Bits of the probe's exit status (probe.c): what a traced program can reach but must not.
OPEN_WAYS = {1: "a descriptor", 2: "files of the tracer in /proc", 4: "signals to the tracer",
             8: "the rights of root"}
EXPECTED_EVENTS = ["os_malloc(1)", "os_free(HeapStart + 0x20)"]


def doctor():
    """[(name of the check, whether it passed, what it found, the remedy or '')] in order."""
    checks = [
        ("machine", kind), ("checkout", checkout), ("python", python_version),
        ("compiler", compiler), ("make", make), ("nm", binutils),
        ("ltrace", ltrace), ("/proc", proc), ("unprivileged user", user),
        ("temporary directory", temporary), ("ptrace", tracing), ("trace channel", channel),
        ("valgrind (optional)", valgrind),
    ]
    return [(name, *outcome(check)) for name, check in checks]


def outcome(check):
    """(good, detail, remedy) of one check, which has failed if it raises a HarnessError."""
    try:
        return check()
    except build.HarnessError as error:
        cause, _, remedy = str(error).rpartition("; ")
        return False, cause or str(error), remedy if cause else ""


def version_of(words):
    """The first line of a command's output."""
    done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    return (done.stdout.decode("utf-8", "replace").splitlines() or ["no version"])[0].strip()


def tool(name, package):
    """The outcome for a command that must be installed."""
    path = build.find_tool(name, machine.install(package))
    return True, f"{path}: {version_of([path, '--version'])}", ""


def kind():
    """Check that the trace guard supports the processor and that the C library is glibc."""
    name, library = platform.machine(), platform.libc_ver()
    found = f"{name}, {' '.join(library).strip() or 'an unknown C library'}"
    if name == "aarch64":
        return True, f"{found}: {machine.ARM}", ""
    good = name == "x86_64" and library[0] == "glibc"
    return good, found, "" if good else "use an x86-64 machine with glibc, Debian's for instance"


def checkout(path=build.ROOT, proc=machine.PROC):
    """Report where this repository is."""
    if machine.on_windows_drive(path, proc):
        return True, (f"{path} is on a drive of Windows: everything is slow there; clone it into "
                      "your home directory of WSL"), ""
    return True, str(path), ""


def python_version():
    """Check that this interpreter is recent enough."""
    found = f"{sys.executable}: {platform.python_version()}"
    wanted = ".".join(map(str, entry.OLDEST_PYTHON))
    good = sys.version_info >= entry.OLDEST_PYTHON
    return good, found, "" if good else f"run it with python {wanted} or later"


def compiler():
    """Check that the C compiler can build a program."""
    words = build.compiler()
    with tempfile.TemporaryDirectory() as place:
        source = os.path.join(place, "empty.c")
        with open(source, "w", encoding="ascii") as file:
            file.write("#include <stdlib.h>\nint main(void) { return EXIT_SUCCESS; }\n")
        build.run_tool([*words, "-o", os.path.join(place, "empty"), source], "an empty program",
                       machine.install("gcc", "libc6-dev"))
    return True, f"{words[0]}: {version_of([*words, '--version'])}", ""


def make():
    """Check for make."""
    return tool("make", "make")


def binutils():
    """Check for nm."""
    return tool("nm", "binutils")


def ltrace():
    """Check for ltrace, in a version whose output can be parsed."""
    _, found, _ = tool("ltrace", "ltrace")
    good = bool(KNOWN_LTRACE.search(found))
    return good, found, "" if good else \
        "install ltrace 0.7.3 or 0.7.91: the output of others differs"


def proc():
    """Check that /proc is mounted: ltrace writes to /dev/fd/N, a link into /proc."""
    good = os.path.exists("/proc/self/fd") and os.path.exists("/dev/fd/0")
    return good, "/proc/self/fd and /dev/fd", "" if good else "mount -t proc proc /proc"


def user():
    """Check that root can run programs as unprivileged users."""
    if os.geteuid() != 0:
        return True, f"programs run as you (uid {os.geteuid()}): run as root for untrusted code", ""
    try:
        subprocess.run(["true"], user=65279, group=65279, extra_groups=[], check=True)
    except (OSError, subprocess.SubprocessError):
        return False, "root cannot become another user", "run outside of this user namespace"
    return True, f"each program runs as a user of its own ({runner.USERS})", ""


def temporary():
    """Check that every user may run programs from the temporary directory."""
    place = pathlib.Path(tempfile.gettempdir()).resolve()
    remedy = "set TMPDIR to a directory that everybody may enter and run programs from"
    closed = [str(above) for above in (place, *place.parents) if not above.stat().st_mode & 0o001]
    if os.geteuid() == 0 and closed:
        return False, f"{closed[0]} is closed to other users", remedy
    good = not os.statvfs(place).f_flag & os.ST_NOEXEC
    return good, str(place) if good else f"{place} is mounted noexec", "" if good else remedy


def valgrind():
    """Check for valgrind, which only the memory checks need."""
    try:
        return tool("valgrind", "valgrind")
    except build.HarnessError:
        return True, ("missing: run_tests.py -m finds leaks only "
                      f"({machine.install('valgrind')})"), ""


def probe_run():
    """Build the probe program and the probe library, and trace them: a Run."""
    place = build.BUILD / "probe"
    include = f"-I{build.UTILS}"
    library = place / "libosmem.so"
    for target, name, flags in ((library, "probe_library.c", ("-shared", "-fPIC")),
                                (place / "probe", "probe.c", (f"-L{place}", *build.LINK_FLAGS))):
        source = build.TRACING / name
        if build.outdated(target, (source,)):
            build.compile_to(str(target), [*build.PROGRAM_FLAGS, include, str(source), *flags],
                             name, machine.install("gcc", "libc6-dev"))
    return runner.run_traced(str(place / "probe"), str(library), timeout=60.0)


def tracing():
    """Check that a program can be traced and that its trace can be read."""
    try:
        run = probe_run()
    except build.HarnessError as error:
        cause = str(error).rpartition("; ")[0] or str(error)
        return False, cause, machine.ptrace_remedy(cause)
    if not run.comparable:
        return False, run.reason, machine.ptrace_remedy(run.reason)
    calls = [event[0] for event in trace.events_text(run.trace)[:-1]]
    good = calls == EXPECTED_EVENTS
    return good, "a program was traced" if good else f"the calls were misread: {calls}", (
        "" if good else "use ltrace 0.7.3 or 0.7.91")


@functools.lru_cache(maxsize=1)
def require_tracing():
    """HarnessError if traces cannot be read on this machine, so that no library is blamed."""
    good, detail, remedy = tracing()
    if not good:
        raise build.HarnessError(f"traces cannot be read here: {detail}; {remedy}")


def channel():
    """Check that a traced program cannot reach its trace."""
    code = probe_run().code
    ways = [text for bit, text in OPEN_WAYS.items() if code & bit]
    if ways:
        return False, "a program can reach " + ", ".join(ways), "run as root"
    return True, "a program can reach neither its trace nor its tracer", ""
