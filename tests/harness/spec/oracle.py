# SPDX-License-Identifier: BSD-3-Clause
"""Make references from the model alone: a snippet runs on a stand-in library that asks the Model.

The stand-in (oracle.c) has no policy. For every os_* call, the Model decides, and the stand-in
writes headers, copies, zeroes, maps and unmaps as ordered. So the snippet's own checks of headers
and contents run against the contract, not against an implementation.
"""

import os
import re
import socket
import struct
import subprocess
import tempfile
from multiprocessing.pool import ThreadPool
from pathlib import Path

from .. import build, machine
from . import symbols
from ..build import HarnessError
from .model import FREE, HEADER, MAP_STRIDE, SIZE_MAX, Model
from ..session import build_directory

HERE = Path(__file__).resolve().parent
TESTS = HERE.parents[1]
SNIPPETS = TESTS / "snippets"
REFERENCES = TESTS / "ref"

MESSAGE = struct.Struct("=4Q")          # struct message of oracle.c
_HELLO, MALLOC, CALLOC, REALLOC, FREE_CALL, _MAPPED = range(6)
MAP, UNMAP, HEADER_ORDER, COPY, FILL, RETURN = range(6)
CALLS = {MALLOC: ("os_malloc", 1), CALLOC: ("os_calloc", 2),
         REALLOC: ("os_realloc", 2), FREE_CALL: ("os_free", 1)}
TAKES_POINTER = ("os_realloc", "os_free")
RUBBISH = 0xA5          # fills free payloads after a heap search: G6 allows any change
SILENCE = 10.0          # seconds without a call after which a snippet counts as hung

# Names that a snippet may import. Others could allocate, print through a buffer or move the break
# without the model knowing.
MAY_IMPORT = re.compile(r"os_(malloc|calloc|realloc|free)|write|_?exit|abort|mem(cpy|move|set|cmp)"
                        r"|__errno_location|__libc_start_main|__cxa_finalize|__gmon_start__"
                        r"|__stack_chk_fail|_ITM_\w+")


class Session:
    """One running program, its model, and the mapping between their addresses."""

    model_class = Model

    def __init__(self, channel):
        self.channel = channel
        self.model = self.model_class()
        self.steps = []
        self.headers = {}               # model address of a header -> (size, status) in memory
        self.mappings = {}              # mapping number -> (real address, length)
        hello = self.receive() or (_HELLO, 0, 0, 0)     # None if it does not load the stand-in
        _, self.arena, self.arena_bytes, _ = hello

    def receive(self):
        """The next message of the program, or None if it has ended."""
        data = self.channel.recv(MESSAGE.size, socket.MSG_WAITALL)
        return MESSAGE.unpack(data) if len(data) == MESSAGE.size else None

    def send(self, what, first=0, second=0, third=0):
        """Send one order to the stand-in."""
        self.channel.sendall(MESSAGE.pack(what, first, second, third))

    def real(self, address):
        """The program's address for a model address."""
        mapping, offset = divmod(address, MAP_STRIDE)
        if mapping:
            return self.mappings[mapping][0] + offset
        if offset > self.arena_bytes:
            raise HarnessError("the program outgrows the oracle's arena; make it smaller")
        return self.arena + offset

    def symbolic(self, pointer):
        """The model address for a pointer of the program; NULL stays 0."""
        if pointer == symbols.NULL:
            return symbols.NULL
        if self.arena <= pointer < self.arena + self.arena_bytes:
            return pointer - self.arena
        for number, (start, length) in self.mappings.items():
            if start <= pointer < start + length:
                return number * MAP_STRIDE + pointer - start
        raise HarnessError(f"the program passed {pointer:#x}, which no call returned; "
                           "a reference can only be made without stray pointers")

    def serve(self):
        """Answer the program's calls until it ends."""
        while (message := self.receive()) is not None:
            name, count = CALLS[message[0]]
            args = list(message[1:1 + count])
            if name in TAKES_POINTER:
                args[0] = self.symbolic(args[0])
            self.answer(name, tuple(args))

    def answer(self, name, args):
        """Make the call in the model, and order the stand-in to do the same in memory."""
        free_before = [block for block in self.model.heap if block.status == FREE]
        free_before = [(block.addr + HEADER, max(block.size, 0)) for block in free_before]
        step = self.model.step(name, args)
        if step.misuse:
            raise HarnessError(f"{symbols.call_text(step)} is misuse ({step.misuse}) and would "
                               "abort; a reference cannot show it")
        self.steps.append(step)
        for call in step.syscalls:
            if call.name == "mmap":
                self.map(call)
        if not {"H2", "H3", "H4"}.isdisjoint(step.rules):       # the heap was searched
            self.spoil_free(free_before)
        self.write_headers()
        self.move_contents(step)
        for call in step.syscalls:
            if call.name == "munmap":
                self.unmap(call)
        self.send(RETURN, self.real(step.result) if step.result else symbols.NULL, step.errno)

    def spoil_free(self, free):
        """Overwrite free payloads, (address, length) each, as a heap search may (G6)."""
        for payload, length in free:
            self.send(FILL, self.real(payload), length, RUBBISH)

    def map(self, call):
        """Order the stand-in to make a mapping, and remember its address."""
        length, = call.args
        self.send(MAP, length)
        _, start, _, _ = self.receive()
        self.mappings[call.result // MAP_STRIDE] = (start, length)

    def unmap(self, call):
        """Order the stand-in to remove a mapping."""
        address, length = call.args
        self.send(UNMAP, self.real(address), length)
        del self.mappings[address // MAP_STRIDE]

    def write_headers(self):
        """Write every header that appeared or changed in this step."""
        blocks = [*self.model.heap, *self.model.maps.values()]
        now = {block.addr: (block.size % (SIZE_MAX + 1), block.status) for block in blocks}
        for address, (size, status) in now.items():
            if self.headers.get(address) != (size, status):
                self.send(HEADER_ORDER, self.real(address), size, status)
        self.headers = now

    def move_contents(self, step):
        """Order the copies and then the zeroing of a step."""
        for target, source, count in step.copies:
            self.send(COPY, self.real(target), self.real(source), count)
        for payload, count in step.zeroed:
            self.send(FILL, self.real(payload), count, 0)


def build_stand_in(directory):
    """Compile oracle.c into `directory` as libosmem.so."""
    build.compile_to(str(directory / "libosmem.so"),
                     ["-std=gnu11", "-O1", "-g", "-Wall", "-shared", "-fPIC", f"-I{build.UTILS}",
                      str(HERE / "oracle.c")],
                     "the oracle's stand-in library", machine.install("gcc", "libc6-dev"))


def foreign_imports(program):
    """Names that a program imports although MAY_IMPORT does not allow them."""
    nm = build.find_tool("nm", machine.install("binutils"))
    done = subprocess.run([nm, "-D", "--undefined-only", str(program)],
                          capture_output=True, text=True, check=True)
    names = [line.split()[-1].split("@")[0] for line in done.stdout.splitlines()]
    return [name for name in names if not MAY_IMPORT.fullmatch(name)]


def build_snippet(c_file, directory, out_dir):
    """Compile a snippet against the stand-in in `directory`. HarnessError if it has
    foreign_imports()."""
    program = build.build_program(c_file, directory, out_dir)
    foreign = foreign_imports(program)
    if foreign:
        raise HarnessError(f"{c_file.name} calls {', '.join(foreign)}, which may move the break or "
                           "map memory; use snippet.h and the os_* functions only")
    return program


def run(program, directory, session_class=Session):
    """Run a built snippet on the stand-in: (steps, exit status as of Popen, stderr text)."""
    ours, theirs = socket.socketpair()
    ours.settimeout(SILENCE)
    environment = {"LD_LIBRARY_PATH": str(directory), "OSMEM_ORACLE_CHANNEL": str(theirs.fileno())}
    with ours, theirs, tempfile.TemporaryFile() as stderr:
        process = subprocess.Popen([program], env=environment, pass_fds=[theirs.fileno()],
                                   stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr)
        theirs.close()
        try:
            session = session_class(ours)
            session.serve()
            status = process.wait(SILENCE)
        except (socket.timeout, subprocess.TimeoutExpired):
            raise HarnessError(f"{Path(program).name} hangs; it must end by itself") from None
        finally:
            process.kill()
            process.wait()
        stderr.seek(0)
        return session.steps, status, stderr.read().decode("utf-8", "replace")


def record(c_file):
    """Compile one snippet and run it on the model: (steps, exit status, stderr text)."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        build_stand_in(directory)
        return run(build_snippet(Path(c_file), directory, directory), directory)


def record_all(names, snippets=SNIPPETS, out_dir=build.BUILD):
    """Record many snippets in parallel: {name: (steps, exit status, stderr text)}."""
    with tempfile.TemporaryDirectory() as where, ThreadPool(os.cpu_count()) as pool:
        directory = Path(where)
        build_stand_in(directory)

        def one(name):
            return run(build_snippet(snippets / f"{name}.c", directory, out_dir), directory)
        return dict(zip(names, pool.map(one, names)))


def reference_text(name, recorded):
    """The reference text of a recorded snippet. HarnessError if its own checks failed."""
    steps, status, stderr = recorded
    if status != 0 or stderr:
        said = stderr.strip() or "nothing on stderr"
        raise HarnessError(f"{name} fails on the model itself ({symbols.end_text(status)}: "
                           f"{said}); correct the snippet")
    if not steps:
        raise HarnessError(f"{name} calls no os_* function; there is nothing to compare")
    return symbols.reference(steps, status)


def snippet_names(root=TESTS):
    """The names of all snippets of the suite in directory `root`, sorted."""
    found = sorted(path.stem for path in (Path(root) / "snippets").glob("*.c"))
    if not found:
        raise HarnessError(f"there is no program in {root}/snippets; put some there")
    return found


def update_references(names=None, root=None):
    """Rewrite the references of the named snippets, or of all, and then remove stale ones too.

    root  directory of the suite; None: this repository's
    """
    snippets, references = (SNIPPETS, REFERENCES) if root is None else \
        (Path(root) / "snippets", Path(root) / "ref")
    chosen = list(names or snippet_names(root or TESTS))
    unknown = sorted(set(chosen) - set(snippet_names(root or TESTS)))
    if unknown:
        raise HarnessError(f"no snippet {unknown[0]}.c in {snippets}; check the name")
    build.make_directory(references)
    recorded = record_all(chosen, snippets, build_directory(root or TESTS))
    texts = {name: reference_text(name, done) for name, done in recorded.items()}
    changes = [write_if_changed(references / f"{name}.ref", text) for name, text in texts.items()]
    if not names:
        changes += [remove(path) for path in sorted(references.glob("*.ref"))
                    if path.stem not in texts]
    for change in filter(None, changes):
        print(change)
    print(f"references: {len(chosen)}, changed: {len(list(filter(None, changes)))}")


def write_if_changed(path, text):
    """Write a file unless it already has this text; a description of the change, or None."""
    old = path.read_text() if path.exists() else None
    if old == text:
        return None
    path.write_text(text)
    return f"{path.name}: {'new' if old is None else 'changed'}"


def remove(path):
    """Remove a reference whose snippet is gone; a description of the change."""
    path.unlink()
    return f"{path.name}: removed, it has no snippet"
