# SPDX-License-Identifier: BSD-3-Clause
"""Runs one program under ltrace and tells what it did, whatever it tries.

The trace goes through a pipe that the program has no descriptor of and no path to (guard.c). When
the harness runs as root, each program runs as a user of its own and cannot touch ltrace, the
harness or another program at all; otherwise guard.c is what keeps it away. A program that starts a
process or a thread is stopped at once: there is nothing to compare then, and no swarm to clean up.
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

from . import build, entry, machine, trace as tracing

OUTPUT_KEPT = 64 << 10       # bytes of stdout and of stderr
TRACE_MOST = 8 << 20         # bytes of trace, about 130,000 lines
CHUNK = 64 << 10
AFTERWARDS = 0.5             # seconds to wait for output once the tracer is gone
LOOKS, LOOK_EVERY = 125, 0.004  # how often, and seconds apart, to see whether a program is held
STOPS = 10                   # as often as this meanwhile
NESTED = 60                  # calls inside one another; at 64, main included, ltrace 0.7.3 gives up
USERS = "uid 61184 to 65279"  # one for each program when the harness runs as root (guard.c)
CONFIGURATION = str(build.HERE / "ltrace.conf")
FUNCTIONS = "+".join([f"{name}@libosmem.so" for name in tracing.API] + ["main@MAIN"])
PR_SET_DUMPABLE = 4


@dataclasses.dataclass(frozen=True)
class Subject:
    """What is traced: the library, the functions with a breakpoint, who reads what ltrace prints.

    `parse(text)` is a tracing.Trace. `fixed_addresses`: the kernel lays out every run the same way,
    where it is allowed to be asked for that (personality(2)).
    """

    library: build.Library
    functions: str
    parse: object
    fixed_addresses: bool = False


# What ltrace itself prints on stderr, which is the program's as well: it gives up, or comes late.
TRACER_SAYS = re.compile(rb"^(?:callstack_push_\w+: Error: call nesting too deep!|"
                         rb"(?:en|dis)able_breakpoint pid=\d+, .*)$\n?", re.MULTILINE)
NO_SUCH_NAME = 127                      # the loader's exit status
NOT_DEFINED = "is not defined in your library"
UNDEFINED = re.compile(rb"symbol lookup error: .*: undefined symbol: (\w+)")
SUITE = Subject(build.OSMEM, FUNCTIONS, tracing.parse)
NO_EXIT = "a library must not end the program that uses it"
REFUSED = "a system call failed before it: return NULL with errno = ENOMEM there (B1)"
OUT_OF_TIME = ("SIGKILL", "SIGXCPU")    # how the kernel ends what exceeds RLIMIT_CPU


@dataclasses.dataclass
class Run:
    """What one program did.

    `status`: 'exited' (`code`: the exit status), 'killed' (`code`: the signal's number), 'timeout',
    or 'tracer': there is no complete trace, because the tracer failed or was made to fail.
    `reason`: '' or one sentence on what went wrong. `comparable`: the program ran by itself to its
    end, exit or signal, and the trace is the story of all of it. False fails a test whatever the
    trace says; a death by a signal is left to the comparison. `stalled`: at the time-out the
    program waited for a tracer that could not get it past one instruction: it crashes there.
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
    """Unless root, whose programs are other users': make this process's /proc files unreadable."""
    if os.geteuid() == 0:
        return
    import ctypes            # late: 5 ms that root, the usual case, need not spend
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


def command(program, args, channel, configuration=CONFIGURATION, functions=FUNCTIONS):
    """The argument list of one traced run that writes its trace to descriptor `channel`."""
    ltrace = build.find_tool("ltrace", machine.install("ltrace"))
    return [ltrace, "-f", "-L", "-S", "-F", configuration, "-x", functions,
            "-o", f"/dev/fd/{channel}", program, *args]


def confined(place, program, args, channel, box, subject):
    """(argument list, environment) of a traced run in the sandbox `box`; without one if None."""
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
    """A copy of a file in the directory of one run: the loader and ltrace split the names of files
    at spaces and colons, and the path of this repository may have any of them."""
    copy = os.path.join(place, os.path.basename(path))
    shutil.copyfile(path, copy)
    os.chmod(copy, 0o444)
    return copy


def run_traced(program, lib, args=(), timeout=5.0, stdin=None, trace_most=TRACE_MOST, box=None,
               subject=SUITE):
    """Run `program` against the library `lib` (the .so or its directory) under ltrace.

    `stdin`: bytes for the program's standard input; None is an empty one. `timeout` in seconds.
    `box`: a sandbox.Sandbox to run it in; the program's name says nothing there. Thread-safe.
    Raises HarnessError if ltrace does not start, or comes to trace nothing at all: the loader's
    first steps, before any code of the library, are in every trace.
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
    """A file that holds the bytes `given`, at its start; /dev/null for None."""
    if given is None:
        return open(os.devnull, "rb")
    file = tempfile.TemporaryFile()
    file.write(given)
    file.seek(0)
    return file


class Watch:
    """Reads the three channels of one run until its end, or until there is reason to stop it."""

    def __init__(self, process, channel, deadline, trace_most):
        self.process = process
        self.deadline = deadline
        self.trace_most = trace_most
        self.trace = bytearray()
        self.output = {process.stdout: bytearray(), process.stderr: bytearray()}
        self.channel = channel
        self.stalled = False     # at the timeout the program waited for its tracer
        self.stopped = ""        # why it was stopped: 'timeout', 'size', 'pids'
        self.checked = 0         # bytes of trace that are known to be of one process
        self.other_line = None   # matches the start of a line of another process

    def until_end(self):
        """Read until the program and its tracer are gone."""
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
        """Kill the program, so that its tracer writes down the call in which it hangs."""
        first = re.match(rb"[0-9]+", self.trace)
        pid = program_pid(self.process.pid, int(first.group())) if first else 0
        if pid:
            self.stalled = held_by_tracer(pid) and not select.select([self.channel], [], [], 0)[0]
            os.kill(pid, signal.SIGKILL)
            self.deadline = time.monotonic() + AFTERWARDS
            self.read_all(selector)

    def read_all(self, selector):
        """Read until every channel is at its end, or the deadline, or something says stop."""
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
        """Read what is there. The end of the trace means that the tracer is gone."""
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
        """Keep more of the trace; look whether it is still that of one process, and not too big."""
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
    """The descendant of a process that calls itself `number` (in its own namespace), 0 if none."""
    for pid in children(ancestor):
        found = pid if own_number(pid) == number else program_pid(pid, number)
        if found:
            return found
    return 0


def children(pid, thread=None):
    """The processes that a thread of a process has started, its first one if None."""
    try:
        with open(f"/proc/{pid}/task/{thread or pid}/children", encoding="ascii") as file:
            return [int(word) for word in file.read().split()]
    except OSError:
        return []


def own_number(pid):
    """The number that a process has in its own process namespace, 0 if it is gone."""
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

    ltrace 0.7.3 goes round in circles over a crash on the very instruction of a breakpoint. A
    program that hangs by itself stops for its tracer only where the trace gets a line of it.
    Stops are counted, not seen: a look hardly ever falls into one.
    """
    first = times_stopped(pid)
    for _ in range(LOOKS):
        if times_stopped(pid) - first >= STOPS:
            return True
        time.sleep(LOOK_EVERY)
    return False


def times_stopped(pid):
    """How often a process has left the processor by itself (proc(5)), as in each of its stops."""
    return status_number(pid, "voluntary_ctxt_switches:")


def judge(watch, timeout, parse):
    """The Run that a finished Watch saw."""
    stdout, stderr = (bytes(kept) for kept in watch.output.values())
    text = bytes(watch.trace)
    if watch.stopped != "end":
        text = text[:text.rfind(b"\n") + 1]
    if not text:
        return without_trace(stdout, stderr, watch.stopped)
    stderr = TRACER_SAYS.sub(b"", stderr)
    trace = parse(text)
    if watch.stopped == "timeout":
        trace.signal = None      # the one that the harness sent
    status, code = ended(trace, watch.stopped)
    fault = unfit(trace, watch, timeout) or undefined(trace, stderr) or strayed(trace)
    return Run(trace, stdout, stderr, status, code, fault or crash(trace), not fault,
               watch.stalled)


def without_trace(stdout, stderr, stopped):
    """The Run of a program that was not traced at all. HarnessError unless only time was short."""
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
    """The number of a signal's name, 0 for one that Python does not know."""
    known = {one.name: int(one) for one in signal.Signals}
    return known.get(name, 0)


def inside(trace):
    """` inside os_malloc(5)` if a call had not returned, else ''."""
    if not trace.open_call:
        return ""
    return f" inside {tracing.events_text(trace)[-2][0]}"


def unfit(trace, watch, timeout):
    """The sentence on why this run cannot be compared; '' if it can."""
    if trace.problem:
        return f"the trace is damaged: {trace.problem}"
    if trace.started:
        where = f" inside {trace.started_in}" if trace.started_in else ""
        return f"started a {trace.started}{where}: only a program of one thread is compared"
    if trace.replaced:
        return f"ran another program in its place (exec){inside(trace)}"
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
    """The sentence on calls inside one another that ltrace gave up following, '' if it did not."""
    if len(trace.nested) < NESTED:
        return ""
    names = " and ".join(sorted(set(trace.nested)))
    return (f"went round in circles{inside(trace)}: {len(trace.nested)} calls of {names} are open, "
            "each inside the one before; it calls itself, or loops back to its first instruction")


def undefined(trace, stderr):
    """The sentence on a name that the loader does not find, '' if that is not what happened."""
    found = UNDEFINED.search(stderr) if trace.exit_status == NO_SUCH_NAME else None
    if not found:
        return ""
    name = found[1].decode()
    if name in tracing.API:
        return f"{name} {NOT_DEFINED}"
    return (f"wants {name}{inside(trace)}, which is defined nowhere: is its name "
            "misspelt, or its file not linked?")


def strayed(trace):
    """The sentence on a program that ended elsewhere than it should; '' for a normal course."""
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
    """Whether a system call failed; a brk that is refused returns the break as it was."""
    asked = call.args[0] or 0 if call.name == "brk" and call.args else 0
    return call.result is not None and (call.result < 0 or call.result < asked)


def crash(trace):
    """The sentence on a death by a signal, '' for an exit."""
    if trace.signal in OUT_OF_TIME:
        return f"used up its processor time in an endless loop, or was killed{inside(trace)}"
    return f"crashed with {trace.signal}{inside(trace)}" if trace.signal else ""
