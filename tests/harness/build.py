# SPDX-License-Identifier: BSD-3-Clause
"""Build the programs and libraries of a traced run if they are outdated, and copy them for it."""

import concurrent.futures
import contextlib
import dataclasses
import os
import pathlib
import shlex
import shutil
import subprocess
import tempfile
import threading

from . import diagnostics, entry, machine

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SOURCES = ROOT / "src"
UTILS = ROOT / "utils"
BUILD = ROOT / "tests" / "build"
SANDBOX, TRACING = HERE / "sandbox", HERE / "tracing"
CONFINE = (SANDBOX / "confine.c", SANDBOX / "program_calls.c")
GUARD = (TRACING / "guard.c", *CONFINE)
CONFINER = (SANDBOX / "confine_main.c", *CONFINE)
RERUN = (TRACING / "rerun.c",)
NAMES = (TRACING / "names.c",)

API = ("os_malloc", "os_calloc", "os_realloc", "os_free")
PROGRAM_FLAGS = ("-std=gnu11", "-O1", "-g", "-Wall")
# With the C library first and no lazy binding, a library under test cannot replace the functions of
# the C library that a test program calls.
LINKING = "-Wl,--no-as-needed,-z,relro,-z,now"
LINK_FLAGS = (LINKING, "-lc", "-losmem")
GUARD_FLAGS = ("-std=gnu11", "-O2", "-Wall", "-shared", "-fPIC")


@dataclasses.dataclass(frozen=True)
class Library:
    """A library under test: the directory of its sources, its file, the functions it must export,
    the flags for its programs."""

    sources: pathlib.Path
    file: str
    api: tuple
    compile_flags: tuple
    link_flags: tuple


OSMEM = Library(SOURCES, "libosmem.so", API, PROGRAM_FLAGS, LINK_FLAGS)
# It replaces the C library's functions. -fno-builtin: the compiler would remove pairs of malloc and
# free.
OSMALLOC = Library(ROOT / "osmalloc", "libosmalloc.so",
                   ("malloc", "calloc", "realloc", "free", "posix_memalign"),
                   (*PROGRAM_FLAGS, "-fno-builtin"), (LINKING, "-losmalloc"))

# Held while a program is copied and while a process is started. A child forked during the copy
# would keep the copy open for writing until it calls exec, and the kernel refuses to run a file
# that is open for writing (ETXTBSY).
FORKING = threading.Lock()


COPY = "run from a copy of the tree that you may write to"


class HarnessError(Exception):
    """The harness cannot run. str(e) is one line: "cause; remedy"."""


def find_tool(name, remedy):
    """The path of a command. HarnessError with the remedy if there is none."""
    path = shutil.which(name)
    if not path:
        raise HarnessError(f"{name} is missing; {remedy}")
    return path


def compiler():
    """The C compiler as an argument list: $CC if set, else cc."""
    words = shlex.split(os.environ.get("CC", "")) or ["cc"]
    find_tool(words[0], machine.install("gcc", "libc6-dev") + " (or set CC)")
    return words


def run_tool(command, what, remedy):
    """Run a build command. HarnessError with `what` failed, why, and the remedy.

    MAKEFLAGS is removed from the environment: it is meant for the make that started this process,
    and its -n, for example, would keep this command from building anything.
    """
    environment = {name: value for name, value in os.environ.items()
                   if name not in ("MAKEFLAGS", "MFLAGS", "GNUMAKEFLAGS", "MAKEFILES")}
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False,
                          env={**environment, "LC_ALL": "C"})
    if done.returncode != 0:
        why = diagnostics.first_error(done.stdout.decode("utf-8", "replace"))
        raise HarnessError(f"{what} does not build: {why}; {entry.remedy_in(why) or remedy}")


def outdated(target, sources):
    """Whether `target` is missing or older than one of `sources`."""
    try:
        made = os.stat(target).st_mtime_ns
    except FileNotFoundError:
        return True
    return any(os.stat(source).st_mtime_ns > made for source in sources)


def make_directory(path):
    """Make a directory for build output. HarnessError if that is not possible."""
    try:
        os.makedirs(path, exist_ok=True)
    except OSError as error:
        raise HarnessError(f"cannot make {path}: {error.strerror}; "
                           f"{COPY}") from error


def compile_to(target, arguments, what, remedy):
    """Compile and replace `target` atomically: other processes never see an incomplete file."""
    make_directory(os.path.dirname(target))
    handle, part = tempfile.mkstemp(prefix=".part-", dir=os.path.dirname(target))
    os.close(handle)
    try:
        run_tool([*compiler(), "-o", part, *arguments], what, remedy)
        os.chmod(part, 0o755)
        os.replace(part, target)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(part)


def build_guard():
    """The path of guard.so, built from its sources when outdated."""
    return build_tool("guard.so", GUARD, GUARD_FLAGS, "the trace guard")


def build_confiner():
    """The path of the program `confine`, built when outdated."""
    return build_tool("confine", CONFINER, GUARD_FLAGS[:3], "the confiner")


def build_rerun():
    """The path of rerun.so, built when outdated."""
    return build_tool("rerun.so", RERUN, (*GUARD_FLAGS, "-static-libgcc"),
                      "the library that inspects failed programs")


def build_tool(name, sources, flags, what):
    """The path of tests/build/NAME, built from C files of the harness when outdated."""
    target = BUILD / name
    if outdated(target, (*sources, *SANDBOX.glob("*.h"))):
        compile_to(str(target), [*flags, *map(str, sources)], what,
                   machine.install("gcc", "libc6-dev", "linux-libc-dev"))
    return str(target)


def build_library(src_dir=SOURCES, kind=OSMEM):
    """Build the library with make and check it; returns its directory."""
    make = find_tool("make", machine.install("make"))
    compiler()
    if not os.path.isdir(src_dir):
        raise HarnessError(f"there is no directory {src_dir}; name one that holds the library")
    writable = os.access(src_dir, os.W_OK)
    run_tool([make, "-s", "-C", str(src_dir)], "the library",
             f"see make -C {shlex.quote(str(src_dir))}" if writable else COPY)
    return check_library(src_dir, kind)


def check_library(lib_dir, kind=OSMEM):
    """`lib_dir`, if its library can be tested; else HarnessError.

    A libosmem may lack some functions, but not all: programs that do not call them still run.
    """
    missing = absent(lib_dir, kind)
    if missing and (kind is not OSMEM or len(missing) == len(kind.api)):
        raise HarnessError(f"{os.path.join(lib_dir, kind.file)} does not export "
                           f"{', '.join(missing)}; define the missing functions, neither static "
                           "nor hidden")
    return str(lib_dir)


def absent(lib_dir, kind=OSMEM):
    """The functions of the API that the library in `lib_dir` does not export, in order."""
    path = os.path.join(lib_dir, kind.file)
    if not os.path.isfile(path):
        raise HarnessError(f"there is no {kind.file} in {lib_dir}; build it there with make")
    tool = find_tool("nm", machine.install("binutils"))
    done = subprocess.run([tool, "-D", "--defined-only", path], stdin=subprocess.DEVNULL,
                          capture_output=True, check=False)
    names = {line.split()[-1].split(b"@")[0].decode("ascii", "replace")
             for line in done.stdout.splitlines() if line.split()}
    return [name for name in kind.api if name not in names]


def complete_library(lib_dir):
    """A directory whose libosmem.so defines all four functions, so that programs can be linked with
    it: `lib_dir`, or the directory of the library built from NAMES if `lib_dir` lacks one."""
    if not absent(lib_dir):
        return lib_dir
    return os.path.dirname(build_tool("names/libosmem.so", NAMES, (*GUARD_FLAGS, f"-I{UTILS}"),
                                      "the library of names"))


def build_program(c_file, lib_dir, out_dir=BUILD, headers=None, kind=OSMEM):
    """The path of the program made from a C file. Compiled if the C file, a header or this module
    is newer.

    headers  directory of the headers that the C file includes; None: the C file's own
    lib_dir  only the library's name ends up in the program, which therefore runs with any library
    """
    c_file = pathlib.Path(c_file)
    folder = headers or c_file.parent
    headers = [*folder.glob("*.h"), *UTILS.glob("*.h")]
    target = os.path.join(out_dir, c_file.stem)
    if outdated(target, [c_file, pathlib.Path(__file__), *headers]):
        # The flag keeps this machine's paths out of the messages of failed checks.
        compile_to(target, [*kind.compile_flags, f"-fmacro-prefix-map={c_file.parent}/=",
                            f"-I{UTILS}", f"-I{folder}", str(c_file), f"-L{lib_dir}",
                            *kind.link_flags],
                   c_file.name, f"fix {c_file}")
    return target


def build_programs(c_files, lib_dir, out_dir=BUILD, jobs=None, kind=OSMEM):
    """build_program() for many files in parallel: the paths, in the order of `c_files`."""
    with concurrent.futures.ThreadPoolExecutor(jobs or os.cpu_count()) as pool:
        return list(pool.map(lambda c_file: build_program(c_file, lib_dir, out_dir, kind=kind),
                             c_files))


def library_file(lib, kind=OSMEM):
    """The path of the library `lib`, which is its file or its directory."""
    return os.path.join(lib, kind.file) if os.path.isdir(lib) else str(lib)


def plain_directory():
    """The directory for temporary files; /tmp if its path has characters special to the loader."""
    place = tempfile.gettempdir()
    return "/tmp" if set(place) & set(" \t\n:;$") else place


@contextlib.contextmanager
def stage(lib, programs, kind=OSMEM):
    """A context with a temporary directory that holds copies of the library and the programs.

    `programs`: a list of paths, or {name of the copy: path}.
    Every user may read and run the files in it; only the harness's user may write there. Its
    subdirectory `cwd.d` is empty and serves as the working directory of a run.
    """
    place = tempfile.mkdtemp(prefix="osmem-run-", dir=plain_directory())
    try:
        named = programs if isinstance(programs, dict) else {
            os.path.basename(program): program for program in programs}
        for name, source in {kind.file: library_file(lib, kind), **named}.items():
            target = os.path.join(place, name)
            with FORKING:
                shutil.copyfile(source, target)
            os.chmod(target, 0o555)
        os.mkdir(os.path.join(place, "cwd.d"))
        os.chmod(os.path.join(place, "cwd.d"), 0o555)
        os.chmod(place, 0o755)
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)
