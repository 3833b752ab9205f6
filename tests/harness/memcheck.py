# SPDX-License-Identifier: BSD-3-Clause
"""The memory checks of `-m`: leaks from the trace, invalid accesses from valgrind.

Leaks are blocks that are live at exit, with the call that made each, and mappings that no block
owns. The trace shows them for any library. For invalid accesses, the program runs again under
valgrind's memcheck. With any library, memcheck finds accesses outside the heap and the mappings. It
also finds accesses just behind a block or in a freed one if the library was built with valgrind's
headers, because the library then tells valgrind about its blocks.
"""

import os
import shutil
import signal
import subprocess
import tempfile
from xml.etree import ElementTree

from . import build
from .tracing.events import parse_call
from .feedback.report import printable
from .tracing.stats import follow
from .spec.symbols import address

REPORT_MOST = 4 << 20       # bytes of valgrind's report that are read
MOST = 5                    # findings of one kind that are printed for one test
SLOWER = 10                 # under valgrind, a program may take this many times --timeout
USER, GROUP = "nobody", "nogroup"


def available():
    """Whether valgrind is installed."""
    return shutil.which("valgrind") is not None


def check(outcome, program, library, timeout):
    """Add findings and remarks to an outcome. Only programs that ran to their end are checked."""
    if outcome.run.trace is None or not outcome.run.comparable:
        outcome.remarks.append("not checked: the run is not complete")
        return
    if outcome.test.memory:
        outcome.remarks.append(f"not checked: the program {outcome.test.memory}")
        return
    outcome.memory += shortened(leaks(outcome.actual))
    if available():
        outcome.memory += shortened(invalid_accesses(program, library, timeout * SLOWER))


def shortened(findings):
    """The first few findings, and the number of the others."""
    rest = len(findings) - MOST
    return findings[:MOST] + ([f"... and {rest} more"] if rest > 0 else [])


def leaks(events):
    """A line for each block that is live at exit and for each mapping that no block owns."""
    tally = follow(events)
    texts = call_texts(events)
    lines = [f"{live.asked} bytes at {address(payload)} are never freed: "
             f"call {live.call}, {texts[live.call - 1]}"
             for payload, live in sorted(tally.live.items(), key=lambda item: item[1].call)]
    owned = list(tally.live)
    for start, length in sorted(tally.maps.items()):
        if not any(start <= payload < start + length for payload in owned):
            lines.append(f"{length} bytes at {address(start)} are never unmapped although their "
                         "block is freed")
    return lines


def call_texts(events):
    """The text of every os_* call, in order; call number n is at index n - 1."""
    return [event[0] for event in events if parse_call(event)]


def invalid_accesses(program, library, timeout):
    """A line for each error that valgrind reports; `timeout` in seconds."""
    with build.stage(library, [program]) as place, tempfile.TemporaryFile() as report:
        ended = run_valgrind(os.path.join(place, os.path.basename(program)), place, report, timeout)
        report.seek(0)
        data = report.read(REPORT_MOST)
    if not ended:
        return [f"under valgrind it did not end within {timeout:g} s"]
    return errors(data)


def run_valgrind(program, place, report, timeout):
    """Run a staged program under valgrind, which writes its report to the file `report`.

    Returns whether it ended in time. Kills all its processes.
    """
    # vgdb's pipes are named after the process. If a killed valgrind of another user has left one, a
    # later valgrind with the same process number cannot start.
    command = ["valgrind", "--tool=memcheck", "--vgdb=no", "--leak-check=no", "--xml=yes",
               f"--xml-fd={report.fileno()}", "--child-silent-after-fork=yes", "--num-callers=8",
               program]
    identity = {"user": USER, "group": GROUP, "extra_groups": []} if os.geteuid() == 0 else {}
    nothing = subprocess.DEVNULL
    with build.FORKING:
        process = subprocess.Popen(
            command, stdin=nothing, stdout=nothing, stderr=nothing, pass_fds=[report.fileno()],
            env={"LD_LIBRARY_PATH": place, "PATH": os.environ.get("PATH", os.defpath)}, cwd=place,
            start_new_session=True, **identity)
    try:
        process.wait(timeout)
        return True
    except subprocess.TimeoutExpired:
        return False
    finally:
        end_group(process)


def end_group(process):
    """Kill the process group of a process that leads a session, and wait for the process."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        process.kill()
    process.wait()


def errors(report):
    """A line for each error in valgrind's XML report, without duplicates."""
    try:
        root = ElementTree.fromstring(report)
    except ElementTree.ParseError:
        return ["valgrind's report is damaged"] if report else ["valgrind could not run it"]
    return list(dict.fromkeys(error_line(error) for error in root.iter("error")))


def error_line(error):
    """An error as text: `Invalid write of size 1 in main (test-x.c:12): Address ... is ...`"""
    what = error.findtext("what") or error.findtext("xwhat/text") or "error"
    more = error.findtext("auxwhat") or error.findtext("xauxwhat/text") or ""
    return printable(f"{what} in {place(error)}" + (f": {more}" if more else ""))


def place(error):
    """Where an error happened: its innermost frame and, if it differs, the program's own."""
    frames = error.findall("stack/frame")
    known = [frame for frame in frames if frame.findtext("line")] or frames
    if not known:
        return "unknown code"
    lines = [frame_line(known[0]), frame_line(known[-1])]
    return ", called from ".join(dict.fromkeys(lines))


def frame_line(frame):
    """A frame as text, as far as it is known: `main (test-x.c:12)`."""
    name = frame.findtext("fn") or "unknown code"
    line = frame.findtext("line")
    return f"{name} ({frame.findtext('file')}:{line})" if line else name


def summary(outcomes):
    """The closing line of -m."""
    count = sum(bool(outcome.memory) for outcome in outcomes)
    left_out = sum(bool(outcome.remarks) for outcome in outcomes)
    line = f"Memory: errors in {count} of {len(outcomes)} tests (they cost no points)"
    return line + (f", {left_out} not checked" if left_out else "")
