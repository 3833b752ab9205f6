# SPDX-License-Identifier: BSD-3-Clause
"""Run a failed program a second time, without the tracer, to find what its trace cannot show.

rerun.c, loaded into the program, reports where in the source the program crashed, hung or exited,
and the headers in its heap before and after one call. No verdict depends on it: if the program
behaves differently this time, its explanation is only shorter.
"""

import contextlib
import os
import re
import signal
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path

from .. import build, machine
from ..sandbox import sandbox
from .events import parse_call
from ..spec.model import HEADER

SECONDS = 0.5           # processor time after which a program counts as hanging
WALL = 15               # seconds of wall time; confine -t allows less
REPORT = 60             # the descriptor that rerun.c writes to
MOST_SOURCE = 1 << 20   # bytes of a source file that are read to show a line of it
MOST_TEXT = 100         # characters of such a line
MOST_LINES = 3000       # lines of rerun.c's report
HANGS = ("SIGPROF", "SIGALRM")
PLACE = re.compile(r"(.*):(\d+)(?: \(discriminator \d+\))?")
LIBRARY = build.OSMEM.file


@dataclass(frozen=True)
class Header:
    """A header in the heap: its offset from HeapStart and its fields."""

    addr: int
    size: int
    status: int


@dataclass(frozen=True)
class Heap:
    """The headers in address order, and the break as an offset from HeapStart."""

    headers: tuple
    brk: int


@dataclass(frozen=True)
class Frame:
    """A function of the call stack. `path` and `line` are "" and 0 if debug information lacks them.
    """

    module: str
    offset: int
    name: str
    path: str = ""
    line: int = 0


@dataclass
class Seen:
    """The findings of the second run.

    how          "crash", "hang", "exit", or "" if the program ran to its end
    function     "exit" or "_exit", if one of them ended the program
    signal       the name of the signal of a crash
    address, access, stack  of a crash: the fault address, the kind of access ("read", "written" or
                 "used"), and the stack pointer
    start, brk   the program break before main and at the end of the program
    gone         whether munmap had removed the address
    frames       [Frame] of the call stack at the end, innermost first; of a hang, only the frames
                 that all samples share, so that the first is the function with the loop
    looks        earlier samples of the stack of a program that used processor time
    before, after  the Heap before and after the requested call, None if it was not read
    """

    how: str = ""
    signal: str = ""
    status: int = 0
    function: str = ""
    address: int = 0
    access: str = "used"
    stack: int = 0
    start: int = 0
    brk: int = 0
    gone: bool = False
    frames: list = field(default_factory=list)
    looks: list = field(default_factory=list)
    before: Heap = None
    after: Heap = None


def look(outcome, call):
    """Run an outcome's program again and read its heap around call number `call` (from 1): a Seen.

    None if the program cannot be run again, or ended differently than in the traced run.
    """
    setup, trace = outcome.setup, outcome.run.trace
    if setup is None or trace is None or not trace.main_seen:
        return None
    if trace.started or trace.replaced or trace.problem:
        return None
    try:
        output = run_again(setup, call)
        seen = read(output)
    except (build.HarnessError, OSError, ValueError):
        return None
    if not agrees(seen, outcome.run):
        return None
    with contextlib.suppress(build.HarnessError, OSError, ValueError):
        seen.frames, *seen.looks = with_lines([seen.frames, *seen.looks], setup)
    if seen.how == "hang":
        seen.frames = common([seen.frames, *seen.looks])
    return seen


def common(stacks):
    """The frames that several stacks of a program share, innermost first. The first is the function
    with the loop; its line is 0 if the samples are at different lines. The first stack if they
    share none."""
    shared = []
    for frames in zip(*map(reversed, stacks)):
        if len({(frame.module, frame.name, frame.path) for frame in frames}) > 1:
            break
        shared.append(frames[0])
        if len({frame.line for frame in frames}) > 1:
            shared[-1] = replace(frames[0], line=0)
            break
    return shared[::-1] or stacks[0]


def calls_until(events, index):
    """The number of calls of the API among the events up to and including index `index`."""
    return sum(parse_call(event) is not None for event in events[:index + 1])


def agrees(seen, run):
    """Whether the second run ended like the traced one."""
    if run.status == "exited":
        return seen.how in ("", "exit")
    if run.status == "tracer":      # ltrace gave up on endless recursion
        return seen.how in ("crash", "hang")
    if run.stalled:
        return seen.how == "crash"
    if run.status == "timeout" or run.trace.signal in ("SIGKILL", "SIGXCPU"):
        return seen.how == "hang"
    return seen.how == "crash" and seen.signal == run.trace.signal


def run_again(setup, call):
    """Run the program again; rerun.c's report."""
    tools = {"program": setup.program, "rerun.so": build.build_rerun()}
    with build.stage(setup.library, tools) as place, tempfile.TemporaryFile() as given:
        given.write(setup.stdin or b"")
        given.seek(0)
        work = os.path.join(place, "cwd.d")
        variables = ["LANG=C", "HOME=/nonexistent", "LD_LIBRARY_PATH=..", "LD_PRELOAD=../rerun.so",
                     f"RERUN_CALL={call}"]
        options = ["-t", str(SECONDS), "-d", str(REPORT)]
        options += [word for variable in variables for word in ("-e", variable)]
        return confined(setup.box, ["../program"], work, [place], given, options)


def confined(box, command, work, readable, stdin, program=()):
    """Run a command, which the submission can influence, in the sandbox `box` or at least under
    confine; its output, however it ends. `program`: further options of confine, if the command is a
    test program."""
    user, limits = sandbox.new_user(), sandbox.PROGRAM_LIMITS if program else {}
    if box is not None:
        return box.run(command, work, readable, user, WALL, limits, stdin, program).output
    most = {**sandbox.COMPILER_LIMITS, **limits}
    most.pop("nproc", None)         # would count all processes of the user
    words = [build.build_confiner(), "-l", sandbox.limits_text(most), "-s", *["-p"] * bool(program)]
    words += ["-u", str(user)] if os.geteuid() == 0 else []
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}
    return sandbox.bounded([*words, *program, *command], work, environment, WALL, stdin).output


# ---- reading rerun.c's report ---------------------------------------------------------------

NUMBER, WORD = "([0-9a-f]{1,16})", "([!-~]{1,200})"
WORDS = {kind: re.compile(" ".join(words)) for kind, words in {
    "start": [NUMBER],
    "headers": ["(before|after)", NUMBER],
    "block": [NUMBER, NUMBER, "([0-9a-f]{1,8})"],
    "look": [],
    "frame": [WORD, NUMBER, WORD],
    "exit": ["([0-9a-f]{1,8})", "(exit|_exit)"],
    "stop": ["([0-9a-f]{1,2})", NUMBER, "(read|written|used)", NUMBER, NUMBER, "([01])"],
}.items()}


def read(output):
    """The Seen in the lines of rerun.c. ValueError if a line is damaged, since the program may have
    written there as well."""
    seen, heaps = Seen(), {}
    lines = output.splitlines()
    if len(lines) > MOST_LINES or not lines or not lines[0].startswith("start "):
        raise ValueError("rerun.c was not loaded, or not alone")
    for line in lines:
        kind, words = words_of(line)
        if kind == "start":
            seen.start = int(words[0], 16)
        elif kind == "headers":
            heaps[words[0]] = (int(words[1], 16) - seen.start, [])
        elif kind == "block" and heaps:
            address, size, status = (int(word, 16) for word in words)
            [*heaps.values()][-1][1].append(Header(address - seen.start, size, status))
        elif kind == "look":
            seen.looks.append([])
        elif kind == "frame" and (seen.how or seen.looks):
            stack = seen.frames if seen.how else seen.looks[-1]
            stack.append(Frame(words[0], int(words[1], 16), words[2]))
        else:
            read_end(seen, kind, words)
    for when, (brk, headers) in heaps.items():
        setattr(seen, when, Heap(tuple(headers), brk))
    return seen


def words_of(line):
    """(kind, words) of a line of rerun.c. ValueError if rerun.c does not write such lines."""
    kind, _, rest = line.partition(" ")
    found = WORDS[kind].fullmatch(rest) if kind in WORDS else None
    if found is None:
        raise ValueError("a line that rerun.c does not write")
    return kind, found.groups()


def read_end(seen, kind, words):
    """Fill in how the program ended, from a line `exit` or `stop`."""
    if kind == "exit":
        seen.how, seen.status, seen.function = "exit", int(words[0], 16), words[1]
    elif kind == "stop":
        seen.signal = signal.Signals(int(words[0], 16)).name
        seen.how = "hang" if seen.signal in HANGS else "crash"
        seen.address, seen.access = int(words[1], 16), words[2]
        seen.stack, seen.brk = int(words[3], 16), int(words[4], 16)
        seen.gone = words[5] == "1"


# ---- lines of the source --------------------------------------------------------------------

def with_lines(stacks, setup):
    """The stacks, with the source positions of their frames by addr2line."""
    places = {}
    for module, file in ((LIBRARY, build.library_file(setup.library)), ("program", setup.program)):
        offsets = list(dict.fromkeys(frame.offset for frames in stacks for frame in frames
                                     if frame.module == module))
        if offsets:
            found = addresses(file, offsets, setup.box)
            places.update(((module, offset), found.get(offset, [])) for offset in offsets)
    return [[made for frame in frames for made in expanded(frame, places)] for frames in stacks]


def expanded(frame, places):
    """The frames that replace a frame: the functions inlined there, innermost first."""
    return [Frame(frame.module, frame.offset, name, path, line)
            for name, path, line in places.get((frame.module, frame.offset), [])] or [frame]


def addresses(file, offsets, box):
    """{offset: [(function, path, line)]}, the innermost inlined function first, by addr2line."""
    tool = build.find_tool("addr2line", machine.install("binutils"))
    with tempfile.TemporaryDirectory(prefix="osmem-lines-") as work, \
            open(os.devnull, "rb") as nothing:
        os.chmod(work, 0o755)
        copy = os.path.join(work, "file")
        Path(copy).write_bytes(Path(file).read_bytes())
        os.chmod(copy, 0o444)
        command = [tool, "-afi", "-e", copy, *map(hex, offsets)]
        output = confined(box, command, work, [], nothing)
    return read_places(output.splitlines())


def read_places(lines):
    """{offset: [(function, path, line)]} from the output of addr2line -afi."""
    found, name = {}, ""
    for text in lines:
        if re.fullmatch(r"0x[0-9a-f]+", text):
            here, name = found.setdefault(int(text, 16), []), ""
        elif not name:
            name = text
        else:
            place = PLACE.fullmatch(text)
            if place and found and name != "??":
                here.append((name, place[1], int(place[2])))
            name = ""
    return found


def source_line(frame, setup):
    """The source line of a frame, "" if it is unknown.

    The submission can forge the path, so only files among its own sources are read.
    """
    try:
        root = Path(setup.sources).resolve()
        path = Path(frame.path).resolve()
        if frame.module != LIBRARY or not path.is_relative_to(root) or not path.is_file():
            return ""
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = file.read(MOST_SOURCE).split("\n")
    except (OSError, ValueError, RuntimeError):     # no file can have such a path
        return ""
    return lines[frame.line - 1].strip()[:MOST_TEXT] if 0 < frame.line <= len(lines) else ""


# ---- in words -------------------------------------------------------------------------------

HEADS = {"crash": "Where it crashed", "hang": "Where it was after {seconds:g} s of processor time",
         "exit": "Where it ended the program"}
MOST_SHOWN = 4          # functions that an explanation names
MEMBERS = {0: "size", 8: "status", 16: "prev", 24: "next"}
NEAR_STACK = 64 << 10
PAGE = 4096
FAR = 1 << 30           # farther behind the break, an address counts as unrelated to the heap
TOP = 1 << 64


def where(seen, setup):
    """Lines on where in the source a program stopped, [] if it did not or the place is unknown."""
    if seen is None or not seen.how:
        return []
    head = HEADS[seen.how].format(seconds=SECONDS)
    if seen.signal == "SIGALRM":
        head = "Where it waited"
    shown = own_frames(seen.frames)
    lines = [f"{head}, in a second run without the tracer:"] if shown else []
    if shown:
        lines.append("  " + stack_text(seen, shown))
        quoted = [source_line(frame, setup) for frame in shown]
        lines += [f"    {frame.line}: {text}" for frame, text in zip(shown, quoted) if text]
    return lines + [f"  {text}" for text in [about_end(seen)] if text]


def own_frames(frames):
    """The innermost frames in the library, or in the program if there are none, without
    duplicates."""
    own = [frame for frame in frames if frame.module == LIBRARY]
    own = own or [frame for frame in frames if frame.module == "program" and frame.path]
    return list({(frame.name, frame.line): frame for frame in own}.values())[:MOST_SHOWN]


def stack_text(seen, shown):
    """A stack as text: `memcpy (libc.so.6), called from os_realloc (osmem.c:12), called from ...`
    """
    first = seen.frames[0]
    names = [place_text(frame) for frame in shown]
    if seen.how == "exit":
        names.insert(0, f"{seen.function}({seen.status})")
    elif first.module not in (LIBRARY, "program", "rerun.so"):
        outside = first.name if first.name != "?" else "another library"
        names.insert(0, f"{outside} ({first.module})")
    return ", called from ".join(names)


def place_text(frame):
    """A frame as text, as far as it is known: `os_realloc (osmem.c:12)`."""
    line = f":{frame.line}" if frame.line else ""
    return f"{frame.name} ({os.path.basename(frame.path)}{line})" if frame.path else frame.name


def about_end(seen):
    """One sentence on the cause of a crash, hang or exit, "" if there is nothing to say."""
    if seen.how == "exit":
        return "A library must not end the program that uses it."
    if seen.signal == "SIGFPE":
        return "It divided by zero."
    if seen.signal == "SIGABRT":
        return "It called abort(), as a failed assert() does."
    if seen.signal in ("SIGSEGV", "SIGBUS"):
        return about_address(seen)
    return ""


def about_address(seen):
    """One sentence on the address of a crash. No number in it changes from run to run."""
    verb = {"read": "read", "written": "wrote to", "used": "used"}[seen.access]
    address, brk = seen.address, seen.brk - seen.start
    offset = address - seen.start
    if address < PAGE and (seen.access != "used" or address):
        return f"It {verb} {member(address, 'of a null pointer')} (address {address:#x})."
    if TOP - address <= PAGE:
        inside = HEADER - (TOP - address)
        what = member(inside, "of the header of a null pointer") if inside >= 0 else \
            "memory before a null pointer"
        return f"It {verb} {what} (address -{TOP - address})."
    if seen.access == "used" and not address:
        return "It dereferenced a pointer that is not an address at all: the pointer was read " \
            "from memory that holds something else."
    if seen.gone:
        return f"It {verb} a mapping that munmap() had removed before."
    if seen.stack - NEAR_STACK <= address <= seen.stack + PAGE:
        return "Its stack overflowed: a function calls itself endlessly."
    if 0 <= offset - brk < FAR:
        return f"It {verb} HeapStart + {offset:#x}, {beyond(offset - brk)}."
    return f"It {verb} an address where the program has no memory: the pointer is wrong."


def member(offset, of_what):
    """The member of struct block_meta at an offset, as text."""
    name = MEMBERS.get(offset)
    return f"`{name}` {of_what}" if name else f"memory {of_what}"


def beyond(distance):
    """Text on an address behind the break, by its distance."""
    if distance < HEADER:
        at = "which is the break" if not distance else f"{distance} bytes behind the break"
        return f"{at}: it mistook the end of the heap for another header"
    return f"{distance} bytes behind the break: a header or a pointer leads out of the heap"
