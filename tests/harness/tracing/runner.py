# SPDX-License-Identifier: BSD-3-Clause
"""Run one program under ltrace and report what it did, whatever it tries.

ltrace writes the trace to a pipe for which the program has neither a descriptor nor a path
(guard.c). If the harness runs as root, each program runs as its own user and cannot access ltrace,
the harness or other programs at all; otherwise only guard.c prevents that. A program that starts a
process or a thread is stopped at once, since its trace cannot be compared.
"""

from __future__ import annotations

import dataclasses
import os
import re
import select
import selectors
import shutil
import signal
import subprocess
import tempfile
import time

from .. import build, entry, machine
from . import trace as tracing

OUTPUT_KEPT = 64 << 10       # bytes of stdout and of stderr
TRACE_MOST = 8 << 20         # bytes of trace, about 130,000 lines
CHUNK = 64 << 10
AFTERWARDS = 0.5             # seconds to wait for output once the tracer is gone
LOOKS, LOOK_EVERY = 125, 0.004  # held_by_tracer(): number of checks, and seconds between them
STOPS = 10                   # held_by_tracer(): stops in this time that mean yes
NESTED = 60                  # nested calls; at 64, including main, ltrace 0.7.3 gives up
USERS = "uid 61184 to 65279"  # one for each program if the harness runs as root (guard.c)
CONFIGURATION = str(build.TRACING / "ltrace.conf")
FUNCTIONS = "+".join([f"{name}@libosmem.so" for name in tracing.API] + ["main@MAIN"])
PR_SET_DUMPABLE = 4


@dataclasses.dataclass(frozen=True)
class Subject:
    """The parameters of tracing.

    library    the library under test
    functions  the functions with a breakpoint, as of ltrace's -x
    parse      parse(text): the tracing.Trace in ltrace's output
    fixed_addresses  disable address randomisation (personality(2)), if the system allows it
    """

    library: build.Library
    functions: str
    parse: object
    fixed_addresses: bool = False


# Messages of ltrace on stderr, which it shares with the program.
TRACER_SAYS = re.compile(rb"^(?:callstack_push_\w+: Error: call nesting too deep!|"
                         rb"(?:en|dis)able_breakpoint pid=\d+, .*)$\n?", re.MULTILINE)
NO_SUCH_NAME = 127                      # the loader's exit status
NOT_DEFINED = "is not defined in your library"
UNDEFINED = re.compile(rb"symbol lookup error: .*: undefined symbol: (\w+)")
SUITE = Subject(build.OSMEM, FUNCTIONS, tracing.parse)
NO_EXIT = "a library must not end the program that uses it"
REFUSED = "a system call failed before it: return NULL with errno = ENOMEM there (B1)"
OUT_OF_TIME = ("SIGKILL", "SIGXCPU")    # signals of the kernel to a process above RLIMIT_CPU


@dataclasses.dataclass
class Run:
    """The run of one program.

    status      'exited' (`code`: the exit status), 'killed' (`code`: the signal's number),
                'timeout', or 'tracer': the tracer failed, so the trace is incomplete
    reason      '' or one sentence on what went wrong
    comparable  whether the program ended by itself, by exit or signal, and the trace is complete.
                If False, the test fails whatever the trace says. A death by a signal is comparable.
    stalled     whether, at the time-out, the program waited for a tracer that could not get past
                one instruction: the program crashes there
    """

    trace: tracing.Trace | None
    stdout: bytes
    stderr: bytes
    status: str
    code: int
    reason: str
    comparable: bool
    stalled: bool = False


def hide_from_programs():
    """Make this process's files in /proc unreadable. Root's programs run as other users, so root
    does not need this."""
    if os.geteuid() == 0:
        return
    import ctypes            # imported late: takes 5 ms, and root does not need it
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


def command(program, args, channel, configuration=CONFIGURATION, functions=FUNCTIONS):
    """The argument list of one traced run that writes its trace to descriptor `channel`."""
    ltrace = build.find_tool("ltrace", machine.install("ltrace"))
    return [ltrace, "-f", "-L", "-S", "-F", configuration, "-x", functions,
            "-o", f"/dev/fd/{channel}", program, *args]


def confined(place, program, args, channel, box, subject):
    """(argument list, environment) of a traced run, in the sandbox `box` if it is not None."""
    guard, configuration = (near(path, place) for path in (build.build_guard(), CONFIGURATION))
    environment = {"LD_PRELOAD": guard, "GUARD_LIBRARY_PATH": place, "PATH": "/usr/bin:/bin"}
    if subject.fixed_addresses:
        environment["GUARD_FIXED_ADDRESSES"] = "1"

    def words_for(configuration):
        return command(program, args, channel, configuration, subject.functions)

    if box is None:
        return words_for(configuration), environment
    return box.tracer(words_for, place, guard, configuration, environment)


def near(path, place):
    """The path of a copy of a file in the directory of one run. The loader and ltrace split file
    names at spaces and colons, which the path of this repository may contain."""
    copy = os.path.join(place, os.path.basename(path))
    shutil.copyfile(path, copy)
    os.chmod(copy, 0o444)
    return copy


def run_traced(program, lib, args=(), timeout=5.0, stdin=None, trace_most=TRACE_MOST, box=None,
               subject=SUITE):
    """Run `program` against the library `lib` (the .so or its directory) under ltrace.

    stdin    bytes for the program's standard input; None: empty
    timeout  seconds
    box      a sandbox.Sandbox to run it in, under the neutral name "program"

    Thread-safe. HarnessError if ltrace does not start or traces nothing at all: every trace has the
    loader's first steps, which precede all code of the library.
    """
    hide_from_programs()
    if not os.path.exists("/proc/self/fd"):
        raise build.HarnessError("/proc is not mounted; mount it: mount -t proc proc /proc")
    name = "program" if box else os.path.basename(program)
    with build.stage(lib, {name: program}, subject.library) as place, open_input(stdin) as given:
        reader, writer = os.pipe()
        try:
            words, environment = confined(place, os.path.join(place, name), args, writer, box,
                                          subject)
            with build.FORKING:
                process = subprocess.Popen(
                    words, stdin=given, stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE, pass_fds=(writer,), env=environment,
                    cwd=os.path.join(place, "cwd.d"), start_new_session=True)
        except OSError as error:
            os.close(reader)
            raise build.HarnessError(f"cannot start ltrace: {entry.about(error)}") from error
        finally:
            os.close(writer)
        with process, os.fdopen(reader, "rb", 0) as channel:
            watch = Watch(process, channel, time.monotonic() + timeout, trace_most)
            watch.until_end()
    return judge(watch, timeout, subject.parse)


def open_input(given):
    """An open file with the bytes `given`, at position 0; /dev/null for None."""
    if given is None:
        return open(os.devnull, "rb")
    file = tempfile.TemporaryFile()
    file.write(given)
    file.seek(0)
    return file


class Watch:
    """Reads the trace, stdout and stderr of one run until it ends or must be stopped."""

    def __init__(self, process, channel, deadline, trace_most):
        self.process = process
        self.deadline = deadline
        self.trace_most = trace_most
        self.trace = bytearray()
        self.output = {process.stdout: bytearray(), process.stderr: bytearray()}
        self.channel = channel
        self.stalled = False     # at the timeout the program waited for its tracer
        self.stopped = ""        # why: 'timeout', 'size', 'pids', or 'end' of the trace
        self.checked = 0         # bytes of trace that were checked for other processes
        self.other_line = None   # pattern for the start of a line of another process

    def until_end(self):
        """Read until the program and its tracer have ended."""
        with selectors.DefaultSelector() as selector:
            for file in (self.channel, *self.output):
                os.set_blocking(file.fileno(), False)
                selector.register(file, selectors.EVENT_READ)
            try:
                self.read_all(selector)
                if self.stopped == "timeout":
                    self.end_program(selector)
            finally:
                self.process.kill()
                self.process.wait()
            self.deadline = time.monotonic() + AFTERWARDS
            self.read_all(selector)

    def end_program(self, selector):
        """Kill the program, so that ltrace writes the call in which it hangs."""
        first = re.match(rb"[0-9]+", self.trace)
        pid = program_pid(self.process.pid, int(first.group())) if first else 0
        if pid:
            self.stalled = held_by_tracer(pid) and not select.select([self.channel], [], [], 0)[0]
            os.kill(pid, signal.SIGKILL)
            self.deadline = time.monotonic() + AFTERWARDS
            self.read_all(selector)

    def read_all(self, selector):
        """Read until all channels have ended, the deadline has passed or the run must stop."""
        while selector.get_map():
            left = self.deadline - time.monotonic()
            if left <= 0:
                self.stop("timeout")
                return
            for key, _ in selector.select(left):
                self.read_some(selector, key.fileobj)
            if self.stopped in ("size", "pids") and self.process.returncode is None:
                return

    def read_some(self, selector, file):
        """Read available bytes. The end of the trace means that the tracer has ended."""
        data = os.read(file.fileno(), CHUNK)
        if not data:
            selector.unregister(file)
            if file is self.channel:
                self.deadline = min(self.deadline, time.monotonic() + AFTERWARDS)
                self.stop("end")
        elif file is self.channel:
            self.take_trace(data)
        else:
            kept = self.output[file]
            kept += data[:OUTPUT_KEPT - len(kept)]

    def stop(self, why):
        """Remember the first reason to stop."""
        self.stopped = self.stopped or why

    def take_trace(self, data):
        """Append to the trace; stop if it is too large or has a second process."""
        if len(self.trace) < self.trace_most + CHUNK:
            self.trace += data
        if len(self.trace) > self.trace_most:
            self.stop("size")
        end = self.trace.rfind(b"\n") + 1
        if not self.other_line and end:
            first = re.match(rb"[0-9]*", self.trace).group()
            self.other_line = re.compile(rb"^(?!%b )" % first, re.MULTILINE)
        if end > self.checked and self.other_line.search(self.trace, self.checked, end - 1):
            self.stop("pids")
        self.checked = end


def program_pid(ancestor, number):
    """The descendant of a process whose id in its own namespace is `number`, 0 if none."""
    for pid in children(ancestor):
        found = pid if own_number(pid) == number else program_pid(pid, number)
        if found:
            return found
    return 0


def children(pid, thread=None):
    """The children that a thread of a process has started; None: its first thread."""
    try:
        with open(f"/proc/{pid}/task/{thread or pid}/children", encoding="ascii") as file:
            return [int(word) for word in file.read().split()]
    except OSError:
        return []


def own_number(pid):
    """The id of a process in its own namespace, 0 if it has ended."""
    return status_number(pid, "NSpid:")


def status_number(pid, name):
    """The last number in a line of /proc/PID/status, 0 if there is no such process."""
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as file:
            return next(int(line.split()[-1]) for line in file if line.startswith(name))
    except (OSError, StopIteration):
        return 0


def held_by_tracer(pid):
    """Whether a program stops for its tracer again and again.

    If a program crashes at the instruction of a breakpoint, ltrace 0.7.3 restarts it there forever.
    A program that hangs by itself stops only when the trace gets a line. The counter of stops is
    read, because a stop is too short to be observed.
    """
    first = times_stopped(pid)
    for _ in range(LOOKS):
        if times_stopped(pid) - first >= STOPS:
            return True
        time.sleep(LOOK_EVERY)
    return False


def times_stopped(pid):
    """The number of voluntary context switches of a process (proc(5)); each stop is one."""
    return status_number(pid, "voluntary_ctxt_switches:")


def judge(watch, timeout, parse):
    """The Run of a finished Watch."""
    stdout, stderr = (bytes(kept) for kept in watch.output.values())
    text = bytes(watch.trace)
    if watch.stopped != "end":
        text = text[:text.rfind(b"\n") + 1]
    if not text:
        return without_trace(stdout, stderr, watch.stopped)
    stderr = TRACER_SAYS.sub(b"", stderr)
    trace = parse(text)
    if watch.stopped == "timeout":
        trace.signal = None      # the harness sent it
    status, code = ended(trace, watch.stopped)
    fault = unfit(trace, watch, timeout) or undefined(trace, stderr) or strayed(trace)
    return Run(trace, stdout, stderr, status, code, fault or crash(trace), not fault,
               watch.stalled)


def without_trace(stdout, stderr, stopped):
    """The Run of a program that has no trace at all. HarnessError unless it timed out."""
    if stopped == "timeout":
        return Run(None, stdout, stderr, "timeout", 0, "ltrace did not start in time", False)
    lines = stderr.decode("utf-8", "replace").splitlines() or ["no message"]
    remedy = (machine.ptrace_remedy(lines[0]) if "ptrace" in lines[0].lower() else
              "python3 tests/run_tests.py --doctor says what is missing")
    raise build.HarnessError(f"ltrace cannot trace here: {lines[0]}; {remedy}")


def ended(trace, stopped):
    """The status and code of a Run that has a trace."""
    if stopped == "timeout":
        return "timeout", 0
    if trace.exit_status is not None:
        return "exited", trace.exit_status
    if trace.signal is not None:
        return "killed", signal_number(trace.signal)
    return ("tracer", 0) if stopped == "end" else ("killed", int(signal.SIGKILL))


def signal_number(name):
    """The number of a signal by its name, 0 if Python does not know it."""
    known = {one.name: int(one) for one in signal.Signals}
    return known.get(name, 0)


def inside(trace):
    """` inside os_malloc(5)` if a call had not returned, else ''."""
    if not trace.open_call:
        return ""
    return f" inside {tracing.events_text(trace)[-2][0]}"


def unfit(trace, watch, timeout):
    """A sentence on why this run cannot be compared, '' if it can."""
    if trace.problem:
        return f"the trace is damaged: {trace.problem}"
    if trace.started:
        where = f" inside {trace.started_in}" if trace.started_in else ""
        return f"started a {trace.started}{where}: only a program of one thread is compared"
    if trace.replaced:
        return f"replaced itself with another program (exec){inside(trace)}"
    if watch.stopped == "size":
        return f"made a trace over {watch.trace_most / (1 << 20):g} MB{inside(trace)}"
    if watch.stalled:
        return f"crashed on the first instruction of a function{inside(trace)}"
    if watch.stopped == "timeout":
        return f"hung: did not end within {timeout:g} s{inside(trace)}"
    if not trace.ended:
        return endless(trace) or f"the tracer was killed or failed{inside(trace)}"
    return ""


def endless(trace):
    """A sentence on nested calls that were too deep for ltrace, '' if they were not."""
    if len(trace.nested) < NESTED:
        return ""
    names = " and ".join(sorted(set(trace.nested)))
    return (f"looped endlessly{inside(trace)}: {len(trace.nested)} nested calls of {names} have "
            "not returned; it calls itself, or loops back to its first instruction")


def undefined(trace, stderr):
    """A sentence on a name that the loader did not find, '' if it found all."""
    found = UNDEFINED.search(stderr) if trace.exit_status == NO_SUCH_NAME else None
    if not found:
        return ""
    name = found[1].decode()
    if name in tracing.API:
        return f"{name} {NOT_DEFINED}"
    return (f"needs {name}{inside(trace)}, which is defined nowhere: is its name "
            "misspelt, or its file not linked?")


def strayed(trace):
    """A sentence on a program that left the usual way, '' if it did not: it went on after a crash,
    or called or exited outside main."""
    if trace.exit_status is not None and trace.caught:
        return f"caught {trace.caught} and went on: a crash or a failed check ends the program"
    if trace.exit_status is not None and trace.open_call:
        refused = any(map(was_refused, trace.open_call.syscalls))
        return f"called exit({trace.exit_status}){inside(trace)}: " \
            + (f"{NO_EXIT}; {REFUSED}" if refused else NO_EXIT)
    if trace.outside_main:
        return f"{trace.outside_main} was called before main or after it"
    if not trace.main_seen and trace.exit_status is not None:
        return f"exited with status {trace.exit_status} before main began"
    return ""


def was_refused(call):
    """Whether a system call failed; a refused brk returns the unchanged break."""
    asked = call.args[0] or 0 if call.name == "brk" and call.args else 0
    return call.result is not None and (call.result < 0 or call.result < asked)


def crash(trace):
    """A sentence on a death by a signal, '' for an exit."""
    if trace.signal in OUT_OF_TIME:
        return f"used up its processor time in an endless loop, or was killed{inside(trace)}"
    return f"crashed with {trace.signal}{inside(trace)}" if trace.signal else ""
