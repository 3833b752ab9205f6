# SPDX-License-Identifier: BSD-3-Clause
"""Parse the output of ltrace, and write it as the symbolic text of references.

parse() reads the text of one run strictly: a line that ltrace does not print becomes the `problem`
of the trace. events_text() names addresses (HeapStart + 0x..., <mapped-addr N> + 0x...).

Which system calls are shown:
- Inside a call of the API: all. Those other than brk, mmap and munmap appear as `name(...)`,
  without arguments, which may be addresses, and without a result: that suffices to show that Y1
  is broken.
- In main, outside the API: only brk, mmap, munmap and mremap, since others do not concern memory.
- Before set_tid_address: none, since only the loader runs.
- From there to main: all except the loader's own (Y2), since a constructor of the library must not
  make system calls.
"""

from __future__ import annotations

import bisect
import dataclasses
import errno
import operator
import platform
import re

API = ("os_malloc", "os_calloc", "os_realloc", "os_free")
POINTERS = {"os_malloc": (), "os_calloc": (), "os_realloc": (0,), "os_free": (0,)}
MEMORY_CALLS = ("brk", "mmap", "munmap", "mremap")
# System calls of the loader between set_tid_address and main, besides mprotect(..., PROT_READ).
LINKING_CALLS = ("set_robust_list", "rseq", "prlimit64", "getrlimit", "munmap", "exit_group")
PROT_READ = 1
# System calls of abort() and of the report before it, which the contract does not specify (B4).
ABORT_CALLS = ("write", "rt_sigprocmask", "rt_sigaction", "gettid", "getpid", "tgkill")

PAGE = 4096
HEAP_REACH = 64 << 30    # addresses up to this far above the start count as heap
WORD = 1 << 64
LAST_ERRNO = 4095        # results from -4095 to -1 are errors
CLONE_THREAD = 0x10000

# Names of system calls that some version of ltrace prints only by number: {number of the first: the
# names in order}. From 424 on, the numbers are the same on all processors.
SHARED_NAMES = {
    424: """
    pidfd_send_signal io_uring_setup io_uring_enter io_uring_register open_tree move_mount
    fsopen fsconfig fsmount fspick pidfd_open clone3 close_range openat2 pidfd_getfd faccessat2
    process_madvise epoll_pwait2 mount_setattr quotactl_fd landlock_create_ruleset
    landlock_add_rule landlock_restrict_self memfd_secret process_mrelease futex_waitv
    set_mempolicy_home_node cachestat fchmodat2 map_shadow_stack futex_wake futex_wait
    futex_requeue statmount listmount lsm_get_self_attr lsm_set_self_attr lsm_list_modules mseal""",
}
NEW_NAMES = {
    "x86_64": {314: """
    sched_setattr sched_getattr renameat2 seccomp getrandom memfd_create kexec_file_load bpf
    execveat userfaultfd membarrier mlock2 copy_file_range preadv2 pwritev2 pkey_mprotect
    pkey_alloc pkey_free statx io_pgetevents rseq""", **SHARED_NAMES},
    "aarch64": {274: """
    sched_setattr sched_getattr renameat2 seccomp getrandom memfd_create bpf execveat userfaultfd
    membarrier mlock2 copy_file_range preadv2 pwritev2 pkey_mprotect pkey_alloc pkey_free statx
    io_pgetevents rseq kexec_file_load""", **SHARED_NAMES},
}
NEW_CALLS = {machine: {str(first + place): name for first, names in known.items()
                       for place, name in enumerate(names.split())}
             for machine, known in NEW_NAMES.items()}
PROT_BITS = ((1, "PROT_READ"), (2, "PROT_WRITE"), (4, "PROT_EXEC"))
FLAG_BITS = (
    (1, "MAP_SHARED"), (2, "MAP_PRIVATE"), (0x10, "MAP_FIXED"), (0x20, "MAP_ANONYMOUS"),
    (0x40, "MAP_32BIT"), (0x100, "MAP_GROWSDOWN"), (0x800, "MAP_DENYWRITE"),
    (0x2000, "MAP_LOCKED"), (0x4000, "MAP_NORESERVE"), (0x8000, "MAP_POPULATE"),
    (0x10000, "MAP_NONBLOCK"), (0x20000, "MAP_STACK"), (0x40000, "MAP_HUGETLB"),
    (0x80000, "MAP_SYNC"), (0x100000, "MAP_FIXED_NOREPLACE"),
)

# ltrace 0.7.3 prints SYS_brk(0), 0.7.91 prints brk@SYS(nil).
PLAIN = re.compile(r"0|-?[1-9][0-9]{0,19}|0x[0-9a-f]{1,16}")
NUMBER = r"(?:0|nil|-?[1-9][0-9]{0,19}|0x[0-9a-f]{1,16})"
ARGS = rf"((?:{NUMBER}(?:, {NUMBER})*)?)"
# There is nothing behind "= " if the process was killed before ltrace could read the result.
RESULT = rf"\) += (<void>|{NUMBER})?"
END = rf"(?:{RESULT}| <(?:unfinished|no return) \.\.\.>)"
LINE = re.compile(r"([0-9]{1,10}) (.*)")
SYSTEM_CALL = re.compile(rf"SYS_(\w+)\({ARGS}{END}")
# 0.7.91 prints strings in quotation marks if its own prototypes have them: any text may stand here.
SYSTEM_CALL_AT = re.compile(rf"(\w+)@SYS\((.*?){END}")
API_CALL = re.compile(rf"(os_\w+)@libosmem\.so\({ARGS}{END}")
MAIN = re.compile(rf"main\((){END}")
RESUMED = re.compile(rf"<\.\.\. (\w+) resumed> {RESULT}")
EXITED = re.compile(r"\+\+\+ exited \(status ([0-9]{1,3})\) \+\+\+")
KILLED = re.compile(r"\+\+\+ killed by (\S+) \+\+\+")
SIGNAL = re.compile(r"--- (SIG\w+|UNKNOWN_SIGNAL) \([\w .,/:()-]+\) ---")
BREAKPOINT = re.compile(r"unexpected breakpoint at 0x[0-9a-f]+")
EXEC = re.compile(r"--- Called exec\(\) ---")
# Signals of a crash, or of a check that failed.
CRASHES = ("SIGILL", "SIGSEGV", "SIGBUS", "SIGFPE", "SIGABRT")


@dataclasses.dataclass
class Sys:
    """A system call. `result`: a number >= 0, -errno if it failed, or None if it did not return."""

    name: str
    args: list
    result: int | None


@dataclasses.dataclass
class Call:
    """A call of the API with the system calls inside it, including those of nested calls.

    `result`: an address, or None for void. `finished`: whether it returned.
    """

    name: str
    args: list
    result: int | None = None
    syscalls: list = dataclasses.field(default_factory=list)
    finished: bool = False


@dataclasses.dataclass
class Trace:
    """One run. Exactly one of `exit_status` and `signal` is set once the program has ended."""

    events: list = dataclasses.field(default_factory=list)
    heap_start: int = 0
    pids: int = 0
    exit_status: int | None = None
    signal: str | None = None
    caught: str = ""             # the last signal of CRASHES
    problem: str = ""       # the first line that ltrace does not print, or other damage; or ""
    started: str = ""       # "process" or "thread" if the program started one
    started_in: str = ""    # the function of the API that started it, "" if none did
    replaced: bool = False  # whether it replaced itself with another program (exec)
    main_seen: bool = False
    nested: tuple = ()      # the API's functions that are open at the end, outermost first
    outside_main: str = ""  # the first function of the API called before or after main

    @property
    def ended(self):
        """Whether the trace shows how the program ended."""
        return self.exit_status is not None or self.signal is not None

    @property
    def open_call(self):
        """The call of the API that has not returned, or None."""
        last = self.events[-1] if self.events else None
        return last if isinstance(last, Call) and not last.finished else None


def number(text):
    """The value of a number as ltrace prints it; None for <void> and other text."""
    if text == "nil":
        return 0
    return int(text, 0) if text and PLAIN.fullmatch(text) else None


def result_value(text):
    """A system call's result. Errors become negative, even if they were printed unsigned."""
    value = number(text)
    if value is not None and value >= WORD - LAST_ERRNO:
        return value - WORD
    return value


def numbers(text):
    """The values of a printed argument list."""
    return [number(part) for part in text.split(", ")] if text else []


class Parser:
    """A parser with its state between lines: the open calls and the phase of the program.

    `machine`: the processor that ran the program, as of uname -m.
    """

    def __init__(self, machine=platform.machine()):
        self.new_calls = NEW_CALLS.get(machine, {})
        self.trace = Trace()
        self.main_pid = None
        self.pids = set()
        self.stack = []          # names of open functions, including main
        self.call = None         # the outermost open call of the API
        self.system_call = None  # the main process's system call that has not returned
        self.dying = False       # the last line has no result: only the end may follow
        self.loaded = False      # set_tid_address was seen: library code can run from here on
        self.main_ended = False

    def line(self, text):
        """Parse one line."""
        match = LINE.fullmatch(text)
        if not match:
            return self.damage(text)
        pid, rest = match.groups()
        self.pids.add(pid)
        if self.main_pid is None:
            self.main_pid = pid
        if pid != self.main_pid:
            return None
        if self.trace.ended or self.dying and not KILLED.fullmatch(rest):
            return self.damage(text)
        self.dying = rest.endswith("= ")
        for pattern, take in self.KINDS:
            match = pattern.fullmatch(rest)
            if match:
                return take(self, *match.groups())
        return self.damage(text)

    def damage(self, text):
        """Record the first line that ltrace does not print."""
        shown = text if len(text) <= 80 else text[:77] + "..."
        self.trace.problem = self.trace.problem or f"not a line of ltrace: {ascii(shown)}"

    def take_system_call(self, name, args, result):
        """A system call, complete or not."""
        name = name.removeprefix("SYS_")     # 0.7.91 prints SYS_460@SYS if it knows no name
        call = Sys(self.new_calls.get(name, name if not name.isdigit() else f"syscall_{name}"),
                   numbers(args), None)
        if result is None:
            self.system_call = (name, call)
        else:
            call.result = result_value(result)
        self.note_loading(call)
        self.note_new_process(call)
        if self.call:
            self.call.syscalls.append(call)
        elif self.is_event(call):
            self.trace.events.append(call)

    def note_loading(self, call):
        """Record the heap's start at the first brk, and the end of loading at set_tid_address."""
        if call.name == "brk" and not self.trace.heap_start and call.result:
            self.trace.heap_start = call.result
        if call.name == "set_tid_address":
            self.loaded = True

    def note_new_process(self, call):
        """Record the first system call that starts a process or a thread."""
        if self.trace.started or call.name not in ("clone", "clone3", "fork", "vfork"):
            return
        if call.result is None or call.result > 0:
            thread = call.name == "clone" and call.args and call.args[0] & CLONE_THREAD
            self.trace.started = "thread" if thread else "process"
            self.trace.started_in = self.call.name if self.call else ""

    def is_event(self, call):
        """Whether a system call outside the API is an event."""
        if self.trace.main_seen:
            return call.name in MEMORY_CALLS
        if call.name == "mprotect" and call.args[2:3] == [PROT_READ]:
            return False
        return self.loaded and call.name not in ("set_tid_address", *LINKING_CALLS)

    def take_api_call(self, name, args, result):
        """The entry of a function of the API; also its return if nothing was traced inside."""
        values = numbers(args)
        if name not in API or len(values) != (2 if name in ("os_calloc", "os_realloc") else 1):
            return self.damage(f"{name}({args})")
        if not self.trace.outside_main and (not self.trace.main_seen or self.main_ended):
            self.trace.outside_main = name
        outermost = self.call is None
        if outermost:
            self.call = Call(name, values)
            self.trace.events.append(self.call)
        if result is None:
            self.stack.append(name)
        elif outermost:
            self.finish(result)
        return None

    def finish(self, result):
        """The outermost call returns."""
        self.call.result = number(result)
        self.call.finished = True
        self.call = None

    def take_main(self, _args, result):
        """The program enters main."""
        self.trace.main_seen = True
        if result is None:
            self.stack.append("main")

    def take_resumed(self, name, result):
        """The return of an open function or system call; `result` is None if the program died."""
        if result is None:
            return None
        if name.startswith("SYS_") or name not in self.stack and self.system_call:
            return self.resume_system_call(name.removeprefix("SYS_"), result)    # 0.7.91: no SYS_
        if name not in self.stack:
            return self.damage(f"<... {name} resumed>")
        while self.stack.pop() != name:
            pass                 # the program left it by longjmp
        if name == "main":
            self.main_ended = True
        if self.call and not any(open_name in API for open_name in self.stack):
            self.finish(result)
        return None

    def resume_system_call(self, name, result):
        """The end of a system call whose line was interrupted (by another process or a signal)."""
        if not self.system_call or self.system_call[0] != name:
            return self.damage(f"<... SYS_{name} resumed>")
        call = self.system_call[1]
        self.system_call = None
        call.result = result_value(result)
        self.note_loading(call)
        return None

    def take_exit(self, status):
        """The program ended by exit."""
        self.trace.exit_status = int(status)

    def take_kill(self, name):
        """The program ended by a signal."""
        self.trace.signal = name

    def take_signal(self, name):
        """A signal. The program's end shows the effect of most; a crash should be that end."""
        if name in CRASHES:
            self.trace.caught = name

    def take_breakpoint(self):
        """A foreign breakpoint: ignored, since the program's end shows its effect."""

    def take_exec(self):
        """The program replaced itself with another one."""
        self.trace.replaced = True

    KINDS = (
        (SYSTEM_CALL, take_system_call), (SYSTEM_CALL_AT, take_system_call),
        (API_CALL, take_api_call), (RESUMED, take_resumed),
        (MAIN, take_main), (EXITED, take_exit), (KILLED, take_kill), (SIGNAL, take_signal),
        (BREAKPOINT, take_breakpoint), (EXEC, take_exec),
    )

    def done(self):
        """The finished trace."""
        self.trace.pids = len(self.pids)
        self.trace.nested = tuple(name for name in self.stack if name in API)
        if not self.trace.heap_start and not self.trace.problem:
            self.trace.problem = "the program break at the start is not in the trace"
        return self.trace


def parse(text, parser=None):
    """The Trace in ltrace's output `text` (str or bytes). Never raises.

    `parser`: a new object of a subclass of Parser, to be used instead of Parser.
    """
    if isinstance(text, bytes):
        text = text.decode("ascii", "backslashreplace")
    parser = parser or Parser()
    lines = text.split("\n")
    cut = lines.pop()
    for line in lines:
        parser.line(line)
    if cut:
        parser.damage(cut)
    return parser.done()


FIRST, LAST = operator.itemgetter(0), operator.itemgetter(1)


class Names:
    """Names addresses while a trace is read from its start; keeps track of the live mappings."""

    def __init__(self, heap_start):
        self.heap_start = heap_start
        self.count = 0
        self.pieces = []         # (first, end, number, base) of each mapped range, sorted

    def address(self, value):
        """The symbolic text of an address that is not NULL."""
        place = bisect.bisect_right(self.pieces, value, key=FIRST) - 1
        if place >= 0 and value < self.pieces[place][1]:
            _, _, number, base = self.pieces[place]
            return f"<mapped-addr {number}> + {value - base:#x}"
        if 0 <= value - self.heap_start < HEAP_REACH:
            return f"HeapStart + {value - self.heap_start:#x}"
        return "<unknown>"

    def pointer(self, value):
        """The symbolic text of a pointer argument or result."""
        return "NULL" if value == 0 else self.address(value)

    def mapped(self, start, length):
        """Record a new mapping, which gets the next number."""
        self.unmapped(start, length)
        self.count += 1
        piece = (start, whole_pages(start + length), self.count, start)
        if piece[0] < piece[1]:
            bisect.insort(self.pieces, piece)

    def unmapped(self, start, length):
        """Record that a range of pages was unmapped."""
        end = whole_pages(start + length)
        low = bisect.bisect_right(self.pieces, start, key=LAST)
        high = max(low, bisect.bisect_left(self.pieces, end, key=FIRST))
        self.pieces[low:high] = [(*part, *piece[2:]) for piece in self.pieces[low:high]
                                 for part in without(piece[:2], start, end)]


def whole_pages(end):
    """`end` rounded up to a page boundary."""
    return -(-end // PAGE) * PAGE


def without(piece, start, end):
    """The parts of the range `piece` that remain without start..end."""
    first, last = piece
    parts = (first, min(last, start)), (max(first, end), last)
    return [(low, high) for low, high in parts if low < high]


def bits(value, known):
    """The names of the bits set in `value`, with unknown bits in hexadecimal; `0` for none."""
    value &= 0xffffffff
    names = [name for bit, name in known if value & bit]
    rest = value & ~sum(bit for bit, _ in known)
    return " | ".join(names + ([hex(rest)] if rest else [])) or "0"


def prot_text(value):
    """The protection argument of mmap."""
    return "PROT_NONE" if value == 0 else bits(value, PROT_BITS)


def result_text(names, call):
    """The result of brk or mmap (an address) or of munmap (0), or the error's name."""
    if call.result is None:
        return "<no return>"
    if call.result < 0:
        return f"-1 {errno.errorcode.get(-call.result, '')}".rstrip()
    return str(call.result) if call.name == "munmap" else names.pointer(call.result)


def system_call_text(names, call):
    """A system call as text, `brk(0) = HeapStart + 0x0`; updates the mappings in `names`."""
    args = call.args
    if call.name == "brk" and len(args) == 1:
        shown = names.address(args[0]) if args[0] else "0"
    elif call.name == "mmap" and len(args) == 6:
        shown = (f"{names.pointer(args[0])}, {args[1]}, {prot_text(args[2])}, "
                 f"{bits(args[3], FLAG_BITS)}, {args[4]}, {args[5]}")
        if call.result is not None and call.result >= 0:
            names.mapped(call.result, args[1])
    elif call.name == "munmap" and len(args) == 2:
        shown = f"{names.pointer(args[0])}, {args[1]}"
    else:
        return f"{call.name}(...)"
    text = f"{call.name}({shown}) = {result_text(names, call)}"
    if call.name == "munmap" and call.result == 0:
        names.unmapped(*args)
    return text


def call_text(names, call):
    """A call of the API as text: sizes decimal, pointers symbolic."""
    pointers = POINTERS[call.name]
    shown = [names.pointer(value) if place in pointers else str(value)
             for place, value in enumerate(call.args)]
    return f"{call.name}({', '.join(shown)})"


def end_text(trace):
    """How the program ended: exit(N), killed(SIGNAL), or <no end> if the trace does not show it."""
    if trace.exit_status is not None:
        return f"exit({trace.exit_status})"
    return f"killed({trace.signal})" if trace.signal else "<no end>"


def event_lines(names, event, aborted):
    """The lines of one event. `aborted`: whether abort() ended the program in this call."""
    if isinstance(event, Sys):
        return (system_call_text(names, event),)
    lines = [call_text(names, event)]
    shown = [call for call in event.syscalls if not (aborted and call.name in ABORT_CALLS)]
    lines += ["  " + system_call_text(names, call) for call in shown]
    if event.finished:
        lines.append("  = " + ("<void>" if event.result is None else names.pointer(event.result)))
    return tuple(lines)


def events_text(trace):
    """The symbolic text of a trace: a tuple of lines for each event, including the end.

    A call that did not return has no result line. If abort() ended the program inside it, the
    system calls of the report (B4) and of abort() are left out.
    """
    names = Names(trace.heap_start)
    open_call = trace.open_call
    events = [event_lines(names, event, event is open_call and trace.signal == "SIGABRT")
              for event in trace.events]
    return events + [(end_text(trace),)]
