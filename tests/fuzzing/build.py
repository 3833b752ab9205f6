# SPDX-License-Identifier: BSD-3-Clause
"""Builds the fuzz driver (fuzz.h) with both allocators of a tree.

osmalloc is linked with family_ in front of its public names, so that the C library's malloc
remains the process's own.
"""

import os
import shlex
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SOURCES = ["family.c", "wrong.c", "refuse.c", "shadow.c", "threads.c", "operations.c",
           "process.c", "input.c"]
MAIN = "main.c"
FLAGS = ["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-pthread"]
HARDENED = "-DOSMALLOC_HARDENED"    # as make HARDENED=1 passes it
WRAPPED = ["mmap", "mremap", "munmap", "madvise", "mprotect", "brk", "sbrk", "getauxval"]

# Name of a build: (compiler, flags of library and driver, of the driver alone, whether with main.c)
BUILDS = {
    "debug": ("gcc", "-O1 -g -DOSMEM_DEBUG", "", True),
    "plain": ("gcc", "-O2 -g", "", True),
    "libfuzzer": ("clang", "-O1 -g -DOSMEM_DEBUG -fsanitize=fuzzer-no-link",
                  "-fsanitize=fuzzer", False),
    "afl": ("afl-clang-fast", "-O1 -g -DOSMEM_DEBUG", "", True),
    "hardened": ("gcc", f"-O2 -g {HARDENED}", "", True),
    "debug-hardened": ("gcc", f"-O1 -g -DOSMEM_DEBUG {HARDENED}", "", True),
    "libfuzzer-hardened": ("clang", f"-O1 -g -DOSMEM_DEBUG {HARDENED} -fsanitize=fuzzer-no-link",
                           "-fsanitize=fuzzer", False),
}


class BuildError(Exception):
    """The driver cannot be built: str(e) is one line, cause and remedy."""


def run(command):
    """Run a build command. BuildError if it fails."""
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    except FileNotFoundError:
        remedy = "apt-get install afl++" if command[0] == "afl-clang-fast" else "make deps"
        raise BuildError(f"{command[0]} is not installed; run {remedy}") from None
    if done.returncode:
        lines = [line for line in done.stdout.splitlines() if "error" in line.lower()]
        last = (lines or done.stdout.splitlines() or ["no message"])[0]
        raise BuildError(f"{last}; see {shlex.join(map(str, command))}")
    return done.stdout


def public_names(library):
    """What an object or archive defines for others."""
    listed = run(["nm", "-g", "--defined-only", library])
    return [line.split()[-1] for line in listed.splitlines() if len(line.split()) == 3]


def build_osmalloc(out):
    """The object of osmalloc with family_ names, and with its audit for all to call."""
    renamed = [f"--redefine-sym={name}=family_{name}"
               for name in public_names(out / "osmalloc/libosmalloc.o")]
    run(["objcopy", *renamed, "--globalize-symbol=audit_check", out / "osmalloc/libosmalloc.o",
         out / "family.o"])
    return out / "family.o"


def build(name, out, sources=ROOT):
    """Build the driver, as one of BUILDS, into the directory `out`; its path.

    sources  the tree with src/, osmalloc/ and utils/
    """
    compiler, flags, link_flags, with_main = BUILDS[name]
    out.mkdir(parents=True, exist_ok=True)
    make = ["make", "-s", f"CC={compiler}", f"CFLAGS={flags}"]
    # Relative paths: make splits those with spaces.
    place = os.path.relpath(out, sources / "src")
    run([*make, "-C", sources / "osmalloc", f"O={place}/osmalloc",
         f"HARDENED={1 if HARDENED in flags else ''}", f"{place}/osmalloc/libosmalloc.o"])
    run([*make, "-C", sources / "src", f"O={place}", f"{place}/libosmem.a"])
    objects = [compiled(file, out, [compiler, *FLAGS, *shlex.split(flags)])
               for file in SOURCES + [MAIN] * with_main]
    build_osmalloc(out)
    return link([compiler, *shlex.split(flags), *shlex.split(link_flags), *objects], out, out)


def compiled(file, out, compiler):
    """The object of one of the driver's files."""
    target = out / f"fuzz-{file[:-2]}.o"
    run([*compiler, f"-I{ROOT / 'utils'}", "-c", HERE / file, "-o", target])
    return target


def link(command, libraries, out):
    """The program made by a command that names compiler and objects, and the libraries beside."""
    program = out / "fuzz"
    run([*command, libraries / "family.o", libraries / "libosmem.a", "-pthread",
         *(f"-Wl,--wrap={call}" for call in WRAPPED), "-o", program])
    return program


def build_with_mistake(name, right, out):
    """A driver with one of wrong.c's mistakes, beside a plain one in the directory `right`."""
    out.mkdir()
    objects = [path for path in sorted(right.glob("fuzz-*.o")) if path.stem != "fuzz-wrong"]
    objects.append(compiled("wrong.c", out, ["gcc", *FLAGS, "-O1", f"-DMISTAKE={name}"]))
    return link(["gcc", *objects], right, out)
