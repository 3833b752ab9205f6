# SPDX-License-Identifier: BSD-3-Clause
"""What ltrace printed, as data, and as the symbolic text that references use.

`parse` reads the text of one run strictly: a line that ltrace does not print is a `problem` of the
trace. `events_text` names addresses (HeapStart + 0x..., <mapped-addr N> + 0x...).

System calls other than brk, mmap and munmap inside a call of the API are shown by name only, as
`name(...)`, without arguments (they hold addresses) and without a result: enough to see that Y1 was
broken. Outside such calls only brk, mmap, munmap and mremap are events, because only they say
something about memory. Before main the loader works alone until set_tid_address; nothing of the
library has run by then. From there to main every system call that is not the loader's own is an
event (Y2): a constructor has no business in the kernel, least of all with the break.
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
# What the loader does between set_tid_address and main; of mprotect only making pages read-only.
LINKING_CALLS = ("set_robust_list", "rseq", "prlimit64", "getrlimit", "munmap", "exit_group")
PROT_READ = 1
# What abort() does after the library's report; not part of what the library is asked for (B4).
ABORT_CALLS = ("write", "rt_sigprocmask", "rt_sigaction", "gettid", "getpid", "tgkill")

PAGE = 4096
HEAP_REACH = 64 << 30    # bytes above the start that still read as heap
WORD = 1 << 64
LAST_ERRNO = 4095        # results from -4095 to -1 are errors
CLONE_THREAD = 0x10000

# Names of system calls that some version of ltrace prints by number only: the first one's number
# on a processor, then the names that follow it. From 424 on, all processors have the same numbers.
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

# ltrace 0.7.3 writes SYS_brk(0), 0.7.91 brk@SYS(nil).
PLAIN = re.compile(r"0|-?[1-9][0-9]{0,19}|0x[0-9a-f]{1,16}")
NUMBER = r"(?:0|nil|-?[1-9][0-9]{0,19}|0x[0-9a-f]{1,16})"
ARGS = rf"((?:{NUMBER}(?:, {NUMBER})*)?)"
# Nothing behind "= ": the process was killed while ltrace wanted to read the result.
RESULT = rf"\) += (<void>|{NUMBER})?"
END = rf"(?:{RESULT}| <(?:unfinished|no return) \.\.\.>)"
LINE = re.compile(r"([0-9]{1,10}) (.*)")
SYSTEM_CALL = re.compile(rf"SYS_(\w+)\({ARGS}{END}")
# 0.7.91 prints strings, with the quotation marks in them, where its own prototypes say so.
SYSTEM_CALL_AT = re.compile(rf"(\w+)@SYS\((.*?){END}")
API_CALL = re.compile(rf"(os_\w+)@libosmem\.so\({ARGS}{END}")
MAIN = re.compile(rf"main\((){END}")
RESUMED = re.compile(rf"<\.\.\. (\w+) resumed> {RESULT}")
EXITED = re.compile(r"\+\+\+ exited \(status ([0-9]{1,3})\) \+\+\+")
KILLED = re.compile(r"\+\+\+ killed by (\S+) \+\+\+")
SIGNAL = re.compile(r"--- (?:SIG\w+|UNKNOWN_SIGNAL) \([\w .,/:()-]+\) ---")
BREAKPOINT = re.compile(r"unexpected breakpoint at 0x[0-9a-f]+")
EXEC = re.compile(r"--- Called exec\(\) ---")


@dataclasses.dataclass
class Sys:
    """A system call. `result`: a number >= 0, -errno of a failure, or None if it never returned."""

    name: str
    args: list
    result: int | None


@dataclasses.dataclass
class Call:
    """A call of the API with the system calls made inside it, those of nested calls included.

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
    problem: str = ""       # the first line that no ltrace prints, or another damage; "" if none
    started: str = ""       # "process" or "thread" once the program started one
    started_in: str = ""    # the function of the API in which it did, "" if in none
    replaced: bool = False  # whether it ran another program in its place (exec)
    main_seen: bool = False
    nested: tuple = ()      # the API's functions that are open at the end, outermost first
    outside_main: str = ""  # the first function of the API called before or after main

    @property
    def ended(self):
        """Whether the trace tells how the program ended."""
        return self.exit_status is not None or self.signal is not None

    @property
    def open_call(self):
        """The call of the API that has not returned, or None."""
        last = self.events[-1] if self.events else None
        return last if isinstance(last, Call) and not last.finished else None


def number(text):
    """The value of a number as ltrace prints it; None for <void> and for what is no number."""
    if text == "nil":
        return 0
    return int(text, 0) if text and PLAIN.fullmatch(text) else None


def result_value(text):
    """A system call's result: errors become negative, however wide they were printed."""
    value = number(text)
    if value is not None and value >= WORD - LAST_ERRNO:
        return value - WORD
    return value


def numbers(text):
    """The values of a printed argument list."""
    return [number(part) for part in text.split(", ")] if text else []


class Parser:
    """The state between two lines: what is open, and how far the program has come.

    `machine`: the processor that ran the program, as uname -m calls it.
    """

    def __init__(self, machine=platform.machine()):
        self.new_calls = NEW_CALLS.get(machine, {})
        self.trace = Trace()
        self.main_pid = None
        self.pids = set()
        self.stack = []          # names of open functions, main included
        self.call = None         # the outermost open call of the API
        self.system_call = None  # the main process's system call that has not returned
        self.dying = False       # the last line has no result: nothing but the end may come
        self.loaded = False      # set_tid_address was seen: library code can run from here on
        self.main_ended = False

    def line(self, text):
        """Take one line."""
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
        """Remember the first line that is not ltrace's."""
        shown = text if len(text) <= 80 else text[:77] + "..."
        self.trace.problem = self.trace.problem or f"not a line of ltrace: {ascii(shown)}"

    def take_system_call(self, name, args, result):
        """A system call, complete or not."""
        name = name.removeprefix("SYS_")     # 0.7.91 writes SYS_460@SYS where it has no name
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
        """The first brk tells where the heap starts; set_tid_address, that all is loaded."""
        if call.name == "brk" and not self.trace.heap_start and call.result:
            self.trace.heap_start = call.result
        if call.name == "set_tid_address":
            self.loaded = True

    def note_new_process(self, call):
        """The first system call that starts a process or thread decides what `started` says."""
        if self.trace.started or call.name not in ("clone", "clone3", "fork", "vfork"):
            return
        if call.result is None or call.result > 0:
            thread = call.name == "clone" and call.args and call.args[0] & CLONE_THREAD
            self.trace.started = "thread" if thread else "process"
            self.trace.started_in = self.call.name if self.call else ""

    def is_event(self, call):
        """Whether a system call outside the API belongs to the story."""
        if self.trace.main_seen:
            return call.name in MEMORY_CALLS
        if call.name == "mprotect" and call.args[2:3] == [PROT_READ]:
            return False
        return self.loaded and call.name not in ("set_tid_address", *LINKING_CALLS)

    def take_api_call(self, name, args, result):
        """The entry of a function of the API; its exit too if nothing happened inside."""
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
        """The program's own code begins."""
        self.trace.main_seen = True
        if result is None:
            self.stack.append("main")

    def take_resumed(self, name, result):
        """The exit of a function or system call that was left open; None if it died there."""
        if result is None:
            return None
        if name.startswith("SYS_") or name not in self.stack and self.system_call:
            return self.resume_system_call(name.removeprefix("SYS_"), result)    # 0.7.91: the name
        if name not in self.stack:
            return self.damage(f"<... {name} resumed>")
        while self.stack.pop() != name:
            pass                 # left by a jump out of it
        if name == "main":
            self.main_ended = True
        if self.call and not any(open_name in API for open_name in self.stack):
            self.finish(result)
        return None

    def resume_system_call(self, name, result):
        """The end of a system call that something interrupted (another process, a signal)."""
        if not self.system_call or self.system_call[0] != name:
            return self.damage(f"<... SYS_{name} resumed>")
        call = self.system_call[1]
        self.system_call = None
        call.result = result_value(result)
        self.note_loading(call)
        return None

    def take_exit(self, status):
        """The end by exit."""
        self.trace.exit_status = int(status)

    def take_kill(self, name):
        """The end by a signal."""
        self.trace.signal = name

    def take_signal(self):
        """A signal or a foreign int3: says nothing that the program's end does not."""

    def take_exec(self):
        """The process goes on as another program."""
        self.trace.replaced = True

    KINDS = (
        (SYSTEM_CALL, take_system_call), (SYSTEM_CALL_AT, take_system_call),
        (API_CALL, take_api_call), (RESUMED, take_resumed),
        (MAIN, take_main), (EXITED, take_exit), (KILLED, take_kill), (SIGNAL, take_signal),
        (BREAKPOINT, take_signal), (EXEC, take_exec),
    )

    def done(self):
        """The finished trace."""
        self.trace.pids = len(self.pids)
        self.trace.nested = tuple(name for name in self.stack if name in API)
        if not self.trace.heap_start and not self.trace.problem:
            self.trace.problem = "the program break at the start is not in the trace"
        return self.trace


def parse(text, parser=None):
    """The Trace that ltrace's output `text` (str or bytes) tells. Never raises.

    `parser`: a fresh Parser of another kind, for it to be read by.
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
    """Names addresses while a trace is read from its start: knows the mappings alive so far."""

    def __init__(self, heap_start):
        self.heap_start = heap_start
        self.count = 0
        self.pieces = []         # (first, end, number, base) of what is still mapped, sorted

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
        """A mapping was made: the next number is its own."""
        self.unmapped(start, length)
        self.count += 1
        piece = (start, whole_pages(start + length), self.count, start)
        if piece[0] < piece[1]:
            bisect.insort(self.pieces, piece)

    def unmapped(self, start, length):
        """A range of pages is gone."""
        end = whole_pages(start + length)
        low = bisect.bisect_right(self.pieces, start, key=LAST)
        high = max(low, bisect.bisect_left(self.pieces, end, key=FIRST))
        self.pieces[low:high] = [(*part, *piece[2:]) for piece in self.pieces[low:high]
                                 for part in without(piece[:2], start, end)]


def whole_pages(end):
    """`end` rounded up to a page boundary."""
    return -(-end // PAGE) * PAGE


def without(piece, start, end):
    """What is left of the range `piece` when start..end is taken out."""
    first, last = piece
    parts = (first, min(last, start)), (max(first, end), last)
    return [(low, high) for low, high in parts if low < high]


def bits(value, known):
    """The names of the bits set in `value`, the unknown rest in hexadecimal; `0` for none."""
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
    """One system call, as in `brk(0) = HeapStart + 0x0`; the mappings of `names` change with it."""
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
    """A call of the API: sizes decimal, pointers symbolic."""
    pointers = POINTERS[call.name]
    shown = [names.pointer(value) if place in pointers else str(value)
             for place, value in enumerate(call.args)]
    return f"{call.name}({', '.join(shown)})"


def end_text(trace):
    """How the program ended: exit(N), killed(SIGNAL), or a remark that the trace does not tell."""
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
    """The symbolic text of a trace: a list with a tuple of lines for each event, the end included.

    A call that never returned has no result line; if abort() ended the program inside it, neither
    the report (B4) nor abort()'s own system calls are shown.
    """
    names = Names(trace.heap_start)
    open_call = trace.open_call
    events = [event_lines(names, event, event is open_call and trace.signal == "SIGABRT")
              for event in trace.events]
    return events + [(end_text(trace),)]
