# SPDX-License-Identifier: BSD-3-Clause
"""The malloc family as programs see it, libosmalloc preloaded: one C program a subject.

OSMALLOC in the environment names another library to preload; if it is empty, the C library's own
malloc is asked, for comparison.
"""

import functools
import os
import platform
import re
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.conftest import CC, EMULATOR, LINK

# What qemu-user adds when a signal ends its program.
SAYS_QEMU = re.compile("^qemu: uncaught target signal .*\n", re.MULTILINE)
SOURCES = Path(__file__).resolve().parent / "family"
# Without built-ins, because the compiler would remove calls whose effect it knows, and without the
# checks that Ubuntu's gcc adds: they stop a program that uses all of malloc_usable_size().
FLAGS = ["-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-fno-builtin", "-pthread",
         "-U_FORTIFY_SOURCE"]
SUBJECTS = sorted(path.stem for path in SOURCES.glob("*.c") if path.stem != "misuse")

# A program's exit status if it cannot test here; it says why on stdout.
IMPOSSIBLE = 77
# Programs that fail with the C library's own malloc, and why.
NOT_GLIBC = {"exports": "glibc 2.36 has no cfree(), free_sized(), free_aligned_sized()",
             "make-room": "glibc keeps what lies between blocks",
             "mappings": "glibc keeps the pages of what it cannot unmap",
             "memory": "glibc keeps most of what was freed in front of a live block",
             "rlimits": "glibc has no 70,000 bytes left once it may map nothing more",
             "shrinking": "glibc gives less than a quarter of a mapping back as well",
             "sleeping-threads": "glibc has no other thread's memory for a block",
             "system-calls": "glibc needs mprotect for the arenas of threads"}


def compiled(subject, folder):
    """The program of a subject, built into the folder."""
    program = Path(folder) / subject
    subprocess.run([*CC, *FLAGS, SOURCES / f"{subject}.c", *LINK, "-o", program], check=True)
    return program


# What programs cannot do under qemu-user, and why: its own fork() is not safe with threads, it does
# not apply the program's limits, and the kernel counts its memory with the program's.
NOT_EMULATED = {**dict.fromkeys(["fork", "fork-inherits"], "qemu ends after a fork beside threads"),
                **dict.fromkeys(["make-room", "map-count", "moved", "rlimits"],
                                "qemu does not limit the program's memory"),
                **dict.fromkeys(["huge-pages", "last-destructors", "locked", "mappings", "memory",
                                 "thread-exit", "thread-keys"],
                                "the kernel counts qemu's memory as well"),
                "unload": "qemu is not what /proc/self/exe names"}


def preloading(library):
    """The environment variable that preloads the library into a program."""
    if EMULATOR:
        return {"QEMU_SET_ENV": f"LD_PRELOAD={library}"}
    return {"LD_PRELOAD": str(library)}


def listed(tool, *arguments):
    """The output of one of the compiler's binutils."""
    path = subprocess.run([*CC, f"-print-prog-name={tool}"], check=True, capture_output=True,
                          text=True).stdout.strip()
    return subprocess.run([path, *arguments], check=True, capture_output=True, text=True).stdout


@functools.lru_cache(maxsize=None)
def misuse_cases():
    """(name, functions, mistakes) of each case of misuse.c; the latter two match the line."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([*EMULATOR, compiled("misuse", folder), "--list"], check=True,
                              text=True, stdout=subprocess.PIPE)
    return [tuple(line.split("\t")) for line in done.stdout.splitlines()]


def pytest_generate_tests(metafunc):
    """A test for each of the misuse program's own list of cases."""
    if "mistakes" in metafunc.fixturenames:
        cases = misuse_cases()
        metafunc.parametrize("name, functions, mistakes", cases, ids=[case[0] for case in cases])


@pytest.fixture(scope="session")
def preloaded(osmalloc):
    """The library that programs get, or None for the C library alone."""
    name = os.environ.get("OSMALLOC", osmalloc / "libosmalloc.so")
    if name and not Path(name).is_file():
        pytest.fail(f"no library {name}: build it, or name another one in OSMALLOC")
    return Path(name).resolve() if name else None


@pytest.fixture(scope="session")
def program(tmp_path_factory):
    """A function: subject -> its program, built once."""
    folder = tmp_path_factory.mktemp("family")
    return functools.lru_cache(maxsize=None)(lambda subject: compiled(subject, folder))


@pytest.fixture
def run(preloaded, program):
    """A function: subject, arguments -> the finished process of its program."""
    variables = {name: value for name, value in os.environ.items()
                 if name not in ("LD_PRELOAD", "GLIBC_TUNABLES") and not name.startswith("MALLOC_")}
    if preloaded:
        variables |= preloading(preloaded)

    def run_subject(subject, *arguments):
        done = subprocess.run([*EMULATOR, program(subject), *arguments], env=variables, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=900)
        if EMULATOR:
            done.stderr = SAYS_QEMU.sub("", done.stderr)
        return done
    return run_subject


@pytest.mark.parametrize("subject", SUBJECTS)
def test_subject(subject, run, preloaded):
    """Every check of the program holds, and it prints nothing."""
    if not preloaded and subject in NOT_GLIBC:
        pytest.skip(NOT_GLIBC[subject])
    if EMULATOR and subject in NOT_EMULATED:
        pytest.skip(NOT_EMULATED[subject])
    done = run(subject)
    if done.returncode == IMPOSSIBLE:
        pytest.skip(done.stdout.strip())
    assert done.stderr == ""
    assert done.returncode == 0


def test_a_system_call_too_many_is_noticed(run, preloaded):
    """The program system-calls ends at the first call that an allocator does not need."""
    if not preloaded:
        pytest.skip(NOT_GLIBC["system-calls"])
    done = run("system-calls", "sched_yield")
    if done.returncode == IMPOSSIBLE:
        pytest.skip(done.stdout.strip())
    number = {"x86_64": 24, "aarch64": 124, "riscv64": 124}[platform.machine()]
    assert done.stderr == f"system call {number} of an allocating thread\n"
    assert done.returncode == 1


def test_misuse(name, functions, mistakes, run, preloaded):
    """One line that names function, mistake and address, and SIGABRT at this call."""
    if not preloaded:
        pytest.skip("the C library has words of its own, or none")
    done = run("misuse", name)
    if done.returncode == IMPOSSIBLE:
        pytest.skip(done.stdout.strip())
    address = re.escape(done.stdout.strip())
    assert address.startswith("0x"), "the wrong call was not reached: " + done.stderr
    assert re.fullmatch(rf"osmalloc: ({functions})\(\): ({mistakes}) {address}\n", done.stderr)
    assert done.returncode == -signal.SIGABRT


def test_misuse_knows_its_cases(program):
    """Names are unique, each mistake is expected in a case, and unknown names are rejected."""
    cases = misuse_cases()
    assert len({case[0] for case in cases}) == len(cases)
    assert {case[2] for case in cases} >= {"double free", "interior pointer", "invalid pointer"}
    done = subprocess.run([*EMULATOR, program("misuse"), "nothing"], capture_output=True,
                          text=True)
    assert done.returncode == 2 and "--list" in done.stderr


def test_the_library_needs_the_c_library_alone(osmalloc):
    """And it does nothing at exit, so that later frees work."""
    dynamic = listed("readelf", "-dW", osmalloc / "libosmalloc.so")
    assert re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic) in (["libc.so.6"], ["libc.so"])
    moved = listed("readelf", "-rW", osmalloc / "libosmalloc.so")
    # The loader knows the offset of the thread's heap, so no access calls a function.
    assert re.search(r"_TPOFF|_TPREL", moved)
    assert not re.search("DTPMOD|TLSDESC", moved)
    names = listed("nm", osmalloc / "libosmalloc.so")
    assert "__do_global_dtors_aux_fini_array_entry" in names
    fini = re.search(r"\(FINI_ARRAYSZ\)\s+(\d+)", dynamic)
    assert fini.group(1) == "8"     # the C runtime's own entry, which the line above has named


@pytest.mark.parametrize("name", ["libosmalloc.so", "libosmalloc.a"])
def test_nothing_but_the_family_is_visible(osmalloc, name):
    options = ["-D"] if name.endswith(".so") else ["-g"]
    symbols = listed("nm", *options, "--defined-only", osmalloc / name)
    found = set(re.findall(r"^[0-9a-f]+ [A-Za-z] (\w+)$", symbols, re.M))
    # musl's start files define names in each shared library.
    assert found - {"_init", "_fini"} == set("""
        malloc calloc realloc free reallocarray aligned_alloc posix_memalign memalign valloc
        pvalloc cfree free_sized free_aligned_sized malloc_usable_size mallinfo mallinfo2
        malloc_info malloc_stats malloc_trim mallopt __libc_malloc __libc_free __libc_calloc
        __libc_realloc __libc_memalign __libc_valloc __libc_pvalloc""".split())
