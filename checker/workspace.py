# SPDX-License-Identifier: BSD-3-Clause
"""The directory in which one submission is copied, built and linted.

Only the files that intake.py has read are copied into it. Compilers and linters run in the sandbox
(sandbox.py), since a submission is untrusted code.
"""

import errno
import os
import re
import shutil
from pathlib import Path

from tests.harness import build, diagnostics
from tests.harness.sandbox import sandbox
from . import intake, lint, scratch
from .course import ROOT, CannotGrade

QUOTA = 128 << 20       # bytes of all files that a compiler or linter makes, about
LEAST_FILE = 2 << 20    # bytes that each of these files may have, however many there are
SAYS_FULL = re.compile("No space left on device|[Qq]uota exceeded|File too large")
NO_HEADER = re.compile(r"fatal error: [^:]+\.h: No such file or directory")
NOT_LINKED = re.compile("^collect2: error: ld returned", re.MULTILINE)
LINKED_MEMBER = re.compile(r"^\(?needed\.a[()](\d+\.o)", re.MULTILINE)
NOT_HANDED_IN = ("; neither the source folder nor a utils/ or include/ beside it has this header: "
                 "was it not handed in?")
BAD_NAME = (errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG)
# -fcommon: several files may define the same variable, as older versions of gcc allowed.
# -Bsymbolic: a submission calls its own functions even if the C library has one of the same name,
# so it may define splice() or a variable environ. Programs still call the C library's.
# -fpatchable-function-entry: every function begins with a nop for the tracer's breakpoint. Without
# it, a loop back to a function's first instruction would look like another call.
BUILD_FLAGS = ["-std=gnu11", "-O2", "-g", "-fPIC", "-pthread", "-fcommon",
               "-fpatchable-function-entry=1", "-Wtrampolines"]
# noexecstack: the sandbox refuses an executable stack, so each program would fail to start.
LINK_FLAGS = ["-shared", "-Wl,-Bsymbolic,-z,noexecstack"]
# Lines of readelf --syms: value, type, name. Undefined symbols have no section.
SYMBOL = re.compile(r"^ *\d+: (\w+) +\S+ (\w+) +\S+ +\S+ +(?!UND)\S+ ([^\s@]+)", re.MULTILINE)
FIRST_INSTRUCTION = re.compile(r"^[0-9a-f]+ <os_\w+>:\n *[0-9a-f]+:\s+(\S+)", re.MULTILINE)
# What a compiled function begins with (-fpatchable-function-entry): nop, or a landing pad first.
COMPILED = ("nop", "endbr", "bti", "hint", "paci")
TRAMPOLINE = re.compile(r"^(\S.*?:\d+):\d+: warning: trampoline generated for nested function",
                        re.MULTILINE)


class Workspace:
    """The sources of one submission, and the library that is built from them."""

    def __init__(self, box, place, seconds):
        self.box = box
        self.seconds = seconds      # wall time of one compiler or linter run
        self.user = sandbox.new_user()
        self.place = Path(place)
        self.utils = self.place / "utils"       # the repository's, overwritten by the submission's
        self.handout = self.place / "handout"   # the repository's
        self.library = self.place / "library"
        self.sources = []       # what the student wrote
        self.units = []         # those of self.sources that no other .c file includes
        self.not_own = set()    # all other files here
        self.readable = []      # folders that compilers and linters may read
        self.folders = []       # folders that are searched for headers, in this order
        self.printed = ""       # output of the last tool
        self.absent = []        # functions of the API that the library does not define
        self.left_out = []      # sources that the library was linked without
        self.log = ""           # output of compiler and linker, bounded

    def prepare(self, taken):
        """Copy the sources of a submission (`taken`) and the repository's utils/."""
        os.chmod(self.place, 0o755)
        scratch.check_open(self.box, self.place)
        for copy in (self.handout, self.utils):
            shutil.copytree(ROOT / "utils", copy, ignore=shutil.ignore_patterns("*.o", "*.d"))
        for path, data in taken.files.items():
            self.put(path, data)
        for name in ("objects", "library"):
            (self.place / name).mkdir()
        for path in self.place.rglob("*"):      # the umask, now or when cloning, may be strict
            path.chmod(0o755 if path.is_dir() else 0o644)
        if self.box.has("user"):
            os.chown(self.place / "objects", self.user, self.user)
        own = [path for path, data in sorted(taken.files.items())
               if path.endswith((".c", ".h")) and not intake.is_of_course(path, data)]
        self.sources = [self.place / "src" / path for path in own]
        self.units = [self.place / "src" / path for path in own
                      if path.endswith(".c") and path not in taken.parts]
        self.not_own = {os.path.normpath(path) for path in self.place.rglob("*")}
        self.not_own -= {os.path.normpath(path) for path in self.sources}
        self.readable = sorted(path for path in self.place.iterdir()
                               if path.name not in ("objects", "library"))
        self.folders = [path for path in (self.place / "src", self.utils, self.place / "include")
                        if path.is_dir()]

    def put(self, path, data):
        """Copy a source. Refused if its path conflicts with another file or is too long."""
        target = self.place / "src" / path
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        except OSError as error:
            if error.errno not in BAD_NAME:
                raise
            raise intake.Refused(f"{ascii(path)[1:-1][:200]} cannot be copied: "
                                 f"{error.strerror}") from None

    def is_own(self, finding):
        """Whether a finding counts: it names a line, in a file that the student wrote.

        A finding in a file that does not exist counts as well: a source can pretend with #line to
        be another file, and compilers report nothing in real system headers.
        """
        return finding.line > 0 and os.path.normpath(finding.file) not in self.not_own

    def tool(self, command, cwd):
        """Run a compiler or linter in the sandbox: (output, exit status), like lint.run_tool().

        Raises Full if the disk is full. A tool that fails and mentions a full disk proves nothing
        (a source may do that): if there is space, the tool runs once more.
        """
        most = {"fsize": max(LEAST_FILE, QUOTA // (len(self.sources) + 1))}
        done = self.box.run(command, cwd, self.readable, self.user, self.seconds, most)
        if done.status and SAYS_FULL.search(done.output):
            scratch.check_space(cwd, QUOTA)
            done = self.box.run(command, cwd, self.readable, self.user, self.seconds, most)
        self.printed = done.output
        if done.output.startswith(("bwrap: ", "confined: ")) and not self.box_works(cwd):
            raise CannotGrade(f"the sandbox failed: {done.output.splitlines()[0]}; "
                              "see checker/grade --probe")
        if done.stopped == "output":
            raise lint.TooMuch(f"{command[0]} printed more than a megabyte")
        if done.stopped or done.status < 0 or done.status in (128 + 9, 128 + 24):
            raise lint.TooMuch(f"{command[0]} used up its time or memory")
        return done.output, done.status

    def box_works(self, cwd):
        """Whether the sandbox runs a command: what a tool prints may look like a message of it."""
        return self.box.run(["true"], cwd, self.readable, self.user, self.seconds).status == 0

    def build(self, taken):
        """Build libosmem.so from taken.compiled and the repository's utils/.

        If these files conflict, link osmem.c and only those others that it needs. If they lack a
        function, also link those of taken.others that define what is missing.
        """
        made = self.place / "objects/libosmem.so"
        try:
            self.compile(taken.compiled, made)
        except intake.Refused:
            others = [path for path in (*taken.compiled, *taken.others) if path != intake.MAIN]
            if not others or not NOT_LINKED.search(self.printed):
                raise
            made = self.link_needed([intake.MAIN], others)
            if not made:
                raise
        if taken.others and self.names(made)[1]:
            made = self.link_needed(taken.compiled, taken.others) or made
        self.take_library(made)

    def flags(self):
        """The compiler's flags. __FILE__ does not depend on the name of the directory."""
        return [*BUILD_FLAGS, f"-fmacro-prefix-map={self.place}/=",
                *(f"-I{folder}" for folder in self.folders)]

    def compile(self, compiled, made):
        """Build the library `made` from .c files and the repository's utils/. Refused if that
        fails."""
        c_files = [self.place / "src" / path for path in compiled]
        c_files += sorted(self.handout.glob("*.c"))     # the submission's definitions override it
        try:
            # With -pipe, the assembler's messages name no temporary file.
            output, status = self.tool(["gcc", *self.flags(), "-pipe", *LINK_FLAGS, "-o", made,
                                        *c_files], made.parent)
        except lint.NotMeasured as reason:
            raise intake.Refused(f"it does not compile: {reason}") from None
        finally:
            self.log = diagnostics.log(self.printed, self.place)
        if status:
            first = diagnostics.first_error(output, self.place)
            raise intake.Refused(f"it does not compile: {first}" +
                                 NOT_HANDED_IN * bool(NO_HEADER.search(first)))
        if made.is_symlink() or not made.is_file():
            raise intake.Refused("it does not compile: no library was made")

    def link_needed(self, kept, others):
        """The library linked from the .c files `kept` and those of `others` and the repository's
        utils/ that they need; None if that fails."""
        sources = [self.place / "src" / path for path in (*kept, *others)]
        sources += sorted(self.handout.glob("*.c"))
        objects = [self.object_of(path, f"{number}.o") for number, path in enumerate(sources)]
        first, needed = objects[:len(kept)], [path for path in objects[len(kept):] if path]
        if None in first:
            return None
        made = self.place / "objects/needed.so"
        wanted = [f"-Wl,-u,{name}" for name in build.API]
        for command in (["ar", "rcs", "needed.a", *needed],
                        ["gcc", *LINK_FLAGS, *wanted, "-Wl,-t,-t", "-o", made, *first, "needed.a"]):
            try:
                output, status = self.tool(command, made.parent)
            except lint.NotMeasured:
                return None
            if status:
                return None
        linked = set(LINKED_MEMBER.findall(output))
        self.left_out = [path for path, name in zip(others, objects[len(kept):])
                         if not name or name not in linked]
        return made if made.is_file() and not made.is_symlink() else None

    def object_of(self, source, name):
        """Compile a .c file to the object file `name`; its name, or None if that fails."""
        try:
            _, status = self.tool(["gcc", *self.flags(), "-pipe", "-c", "-o", name, source],
                                  self.place / "objects")
        except lint.NotMeasured:
            return None
        return None if status else name

    def listing(self, command, made):
        """What a tool prints about a library. Refused if that is too much."""
        try:
            return self.tool([*command, made], made.parent)[0]
        except lint.NotMeasured as reason:
            raise intake.Refused(f"the names of its library cannot be listed: {reason}; "
                                 "declare functions static that no other file calls") from None

    def names(self, made):
        """({names that a library exports}, {undefined names that the C library does not define}).

        nm appends a version to names that the linker found in another library: memcpy@GLIBC_2.14.
        """
        output = self.listing(["nm", "-D"], made)
        lines = [line.split() for line in output.splitlines() if len(line.split()) > 1]
        lacking = {name for *_, kind, name in lines if kind == "U" and "@" not in name}
        return {name.split("@")[0] for *_, kind, name in lines if kind not in "Uvw"}, lacking

    def check_functions(self, made):
        """Refused unless each of the four names that the library has is one exported function that
        the compiler made.

        The tracer finds functions by their names, local ones as well, and does not show a system
        call that is a function's first instruction.
        """
        found = set(SYMBOL.findall(self.listing(["readelf", "-W", "--syms"], made)))
        for name in build.API:
            kinds = {(value, kind) for value, kind, symbol in found if symbol == name}
            if len(kinds) > 1 or any(kind != "FUNC" for _, kind in kinds):
                raise intake.Refused(f"{name} is not one function: define it once, in C, neither "
                                     "static nor as another name of something else")
            code = self.listing(["objdump", "--no-show-raw-insn", f"--disassemble={name}"], made)
            first = FIRST_INSTRUCTION.search(code)
            if first and not first[1].startswith(COMPILED):
                raise intake.Refused(f"{name} does not begin as a compiled function does, but "
                                     f"with {first[1]}; write it in C")

    def take_library(self, made):
        """Find out which of the four functions the library lacks, and keep a copy of the library.
        Refused if it has none of them."""
        exported, _ = self.names(made)
        self.check_functions(made)
        self.absent = [name for name in build.API if name not in exported]
        if self.absent == list(build.API):
            raise intake.Refused(f"it defines none of {', '.join(build.API)}; "
                                 "define the missing functions, neither static nor hidden")
        shutil.copyfile(made, self.place / "library/libosmem.so", follow_symlinks=False)

    def findings(self):
        """The findings of all linters in the student's sources."""
        found = lint.pragmas(self.sources) + lint.checkpatch(self.sources, self.tool)
        for name in ("gcc", "clang"):
            found += lint.compiler(name, self.units, self.folders,
                                   run_tool=self.tool)
        return found
