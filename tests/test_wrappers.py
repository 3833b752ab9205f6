# SPDX-License-Identifier: BSD-3-Clause
"""The wrappers my_alloc and memory_allocator keep each promise of docs/wrappers.md, and each test
program fails on a library that breaks its promise.

Programs that test both wrappers call malloc(3) and its family; -D replaces those names.
"""

import re
import shutil
import signal
import subprocess
import sys

import pytest

from tests import test_random
from tests.conftest import ROOT, WARNINGS
from tests.harness import build
from tests.harness.generated import replay
from tests.harness.spec import model, sequences

SOURCES = ROOT / "tests" / "wrappers"
FAMILY = ROOT / "tests" / "family"
FLAGS = ["-std=gnu11", "-O1", "-g", *WARNINGS, "-fno-builtin", f"-I{ROOT / 'utils'}",
         f"-I{ROOT / 'compat'}"]

# Wrapper -> its names for malloc(), free(), calloc(), realloc().
NAMES = {"my_alloc": ["my_alloc", "freee", "call_oc", "reall_oc"],
         "memory_allocator": ["memalloc", "memfree", "defalloc", "memresize"]}
FOUR = ["malloc", "free", "calloc", "realloc"]
EXPORTS = {"my_alloc": NAMES["my_alloc"],
           "memory_allocator": NAMES["memory_allocator"] + ["memdup", "memoryset"]}

BOTH = ["semantics", "alignment", "rounding", "zeroing"]
OWN = [("my_alloc", "segregation"), ("my_alloc", "parallel"), ("memory_allocator", "splitting"),
       ("memory_allocator", "coalescing"), ("memory_allocator", "in-place")]
PROMISES = [(wrapper, program) for wrapper in NAMES for program in BOTH] + OWN + [
    ("my_alloc", "spans"), ("memory_allocator", "helpers")]
# Programs with threads that call only those four functions.
THREADED = ["threads", "thread-exit", "fork"]

# Argument of misuse.c -> the mistake that the report must name.
MISUSES = {"twice": "double free", "interior": "interior pointer", "global": "invalid pointer",
           "code": "invalid pointer", "large-interior": "interior pointer",
           "large-twice": "double free|invalid pointer"}
SAYS = {"my_alloc": r"osmalloc: free\(\)", "memory_allocator": r"osmem: os_free\(\)"}

GOOD_SETTINGS = ["ALIGNMENT=8", "ALIGNMENT=16", "NUM_CLASSES=1", "NUM_CLASSES=64",
                 "THREAD_SAFE=0", "THREAD_SAFE=1", "THREAD_SAFE"]
BAD_SETTINGS = ["ALIGNMENT=3", "ALIGNMENT=0", "ALIGNMENT=32", "ALIGNMENT=-8", "ALIGNMENT=",
                "ALIGNMENT=large", "NUM_CLASSES=0", "NUM_CLASSES=-1", "NUM_CLASSES=65",
                "NUM_CLASSES=", "NUM_CLASSES=many", "THREAD_SAFE=7", "THREAD_SAFE=-1",
                "THREAD_SAFE=", "THREAD_SAFE=yes"]


def compiled(source, target, *more):
    """Compile one source into the program `target`."""
    subprocess.run(["gcc", *FLAGS, source, *more, "-pthread", "-o", target], check=True)
    return target


def as_wrapper(wrapper):
    """The -D options that replace malloc() and its family by the wrapper's functions."""
    return [f"-D{name}={other}" for name, other in zip(FOUR, NAMES[wrapper])]


def with_open_lock(archive, folder):
    """A copy of a library whose lock a program can replace."""
    copy = folder / f"open-{archive.name}"
    names = ["lock_held", "lock_take_shared", "lock_give_shared"]
    subprocess.run(["objcopy", *(f"--globalize-symbol={name}" for name in names), archive, copy],
                   check=True)
    subprocess.run(["objcopy", *(f"--weaken-symbol={name}" for name in names), copy], check=True)
    return copy


def program(wrapper, name, folder, *more):
    """Compile the program that tests one promise of the wrapper."""
    renamed = as_wrapper(wrapper) if name in BOTH + ["misuse"] else []
    if name == "parallel":
        more = [with_open_lock(one, folder) if str(one).endswith((".a", ".o")) else one
                for one in more]
    return compiled(SOURCES / f"{name}.c", folder / name, *renamed, *more)


def run(*command, **more):
    """Run a command; its CompletedProcess, output captured as text."""
    return subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, check=False, timeout=600, **more)


def passes(path):
    """Run a program, which must succeed; its output."""
    done = run(path)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def fails(path):
    """Run a program; whether it failed and said where."""
    done = run(path)
    return done.returncode == 1 and ": not so" in done.stderr


@pytest.fixture(scope="module")
def one_file(tmp_path_factory):
    """A folder with my_alloc.c and my_alloc.h, made by examples/Makefile."""
    subprocess.run(["make", "-s", "-C", ROOT / "examples", "my_alloc", f"PYTHON={sys.executable}"],
                   check=True)
    folder = tmp_path_factory.mktemp("one") / "my_alloc"
    shutil.copytree(ROOT / "examples" / "build" / "my_alloc", folder,
                    ignore=shutil.ignore_patterns("my_alloc"))
    return folder


# ---- promises -------------------------------------------------------------------------------

@pytest.mark.parametrize("wrapper, name", PROMISES)
def test_promise(wrapper, name, compat, tmp_path):
    passes(program(wrapper, name, tmp_path, compat / f"lib{wrapper}.a"))


@pytest.mark.parametrize("wrapper, name", PROMISES)
def test_a_broken_promise_is_noticed(wrapper, name, tmp_path):
    """The program that tests the promise fails on a library that keeps none."""
    naive = program(wrapper, name, tmp_path, SOURCES / "naive.c")
    assert fails(naive)


@pytest.mark.parametrize("wrapper, name", OWN)
def test_the_other_engine_would_not_do(wrapper, name, compat, tmp_path):
    """A program that tests the reason for choosing an engine fails on the other engine."""
    (other,) = set(NAMES) - {wrapper}
    renamed = [f"-D{one}={name}" for one, name in zip(NAMES[wrapper], NAMES[other])]
    assert fails(program(wrapper, name, tmp_path, *renamed, compat / f"lib{other}.a"))


@pytest.mark.parametrize("name", THREADED)
@pytest.mark.parametrize("wrapper", NAMES)
def test_threads(wrapper, name, compat, tmp_path):
    passes(compiled(FAMILY / f"{name}.c", tmp_path / name, *as_wrapper(wrapper),
                    compat / f"lib{wrapper}.a"))


def test_what_knows_nothing_of_threads_is_noticed(tmp_path):
    """Without thread safety, the program finds corrupted blocks or crashes."""
    naive = compiled(FAMILY / "threads.c", tmp_path / "threads", *as_wrapper("my_alloc"),
                     SOURCES / "naive.c")
    assert run(naive).returncode != 0


@pytest.mark.parametrize("which", MISUSES)
@pytest.mark.parametrize("wrapper", NAMES)
def test_misuse(wrapper, which, compat, tmp_path):
    """A pointer that is not a live block leads to one line and abort()."""
    done = run(program(wrapper, "misuse", tmp_path, compat / f"lib{wrapper}.a"), which)
    assert re.fullmatch(rf"{SAYS[wrapper]}: ({MISUSES[which]}) {done.stdout}", done.stderr)
    assert done.returncode == -signal.SIGABRT


def mappings(library, folder):
    """The mmap and the munmap calls of mapping.c with a library, from its trace."""
    mapping = program("memory_allocator", "mapping", folder, library)
    trace = folder / "trace"
    conf = ROOT / "tests/harness/tracing/ltrace.conf"
    done = run(build.find_tool("ltrace", "make deps"), "-L", "-S", "-F", conf, "-o", trace, mapping)
    assert done.returncode == 0, done.stderr
    # ltrace 0.7.91 writes getppid@SYS, and nil for a zero of no type.
    lines = re.sub(r"\b(\w+)@SYS\b", r"SYS_\1", trace.read_text()).replace("nil", "0")
    inside = lines.split("SYS_getppid")[1]
    return [re.findall(rf"SYS_{name}\((.*)\) += (\w+)", inside) for name in ("mmap", "munmap")]


def test_mappings_in_the_trace(compat, tmp_path):
    """From MMAP_THRESHOLD up, header included: private, anonymous, read-write, and unmapped."""
    mapped, unmapped = mappings(compat / "libmemory_allocator.a", tmp_path)
    lengths = [131072, 1000032, 200032]
    read_write, private_anonymous = 3, 34
    assert [arguments.rsplit(",", 2)[0] for arguments, _ in mapped] == [
        f"0, {length}, {read_write}, {private_anonymous}" for length in lengths]
    assert unmapped == [(f"{start}, {length}", "0") for length, (_, start) in zip(lengths, mapped)]


def test_mappings_that_are_missing_are_noticed(tmp_path):
    mapped, unmapped = mappings(SOURCES / "naive.c", tmp_path)
    assert len(mapped) < 3 and not unmapped


# ---- libraries and headers ------------------------------------------------------------------

@pytest.mark.parametrize("ending", [".so", ".a"])
@pytest.mark.parametrize("wrapper", NAMES)
def test_nothing_but_the_wrapper_is_visible(wrapper, ending, compat):
    """A library defines no other names, so a program keeps its malloc()."""
    shown = run("nm", "-D" if ending == ".so" else "-g", "--defined-only",
                compat / f"lib{wrapper}{ending}").stdout
    names = re.findall(r"^[0-9a-f]+ [A-Za-z] (\w+)$", shown, re.M)
    assert sorted(names) == sorted(EXPORTS[wrapper])


@pytest.mark.parametrize("ending", [".so", ".a"])
def test_all_families_in_one_program(ending, library, compat, tmp_path):
    folders = {"osmem": library, **dict.fromkeys(NAMES, compat)}
    libraries = [folder / f"lib{name}{ending}" for name, folder in folders.items()]
    passes(compiled(SOURCES / "together.c", tmp_path / "together", *libraries))


@pytest.mark.parametrize("wrapper", NAMES)
def test_headers_are_for_cpp_programs_as_well(wrapper, compat, tmp_path):
    source = tmp_path / "program.cpp"
    allocate, release = NAMES[wrapper][:2]
    source.write_text(f'#include "{wrapper}.h"\nint main() {{ {release}({allocate}(10)); }}\n')
    subprocess.run(["g++", *WARNINGS, f"-I{ROOT / 'compat'}", source, compat / f"lib{wrapper}.a",
                    "-o", tmp_path / "program"], check=True)
    passes(tmp_path / "program")


# ---- settings -------------------------------------------------------------------------------

def compile_header(header, setting, folder):
    """Compile a program that includes the header with the setting; the CompletedProcess."""
    source = folder / "setting.c"
    source.write_text(f'#include "{header}"\nint main(void)\n{{\n\treturn 0;\n}}\n')
    return run("gcc", *WARNINGS, f"-I{ROOT / 'compat'}", f"-D{setting}", source,
               "-o", folder / "setting")


@pytest.mark.parametrize("setting", GOOD_SETTINGS)
def test_setting(setting, one_file, tmp_path):
    """The single file compiles with the setting, without a warning, and works."""
    done = run("gcc", f"-D{setting}", "my_alloc.c", "-o", tmp_path / "my_alloc", cwd=one_file)
    assert (done.returncode, done.stderr) == (0, "")
    assert "168 primes" in passes(tmp_path / "my_alloc")


@pytest.mark.parametrize("setting", BAD_SETTINGS)
def test_nonsense_is_one_error(setting, one_file, tmp_path):
    """The error names the setting and its values, for the header alone and the single file."""
    for done in (compile_header("my_alloc.h", setting, tmp_path),
                 run("gcc", f"-D{setting}", "my_alloc.c", "-o", tmp_path / "x", cwd=one_file)):
        errors = [line for line in done.stderr.splitlines() if "error: " in line]
        assert done.returncode != 0 and len(errors) == 1
        assert re.search(rf'#error "my_alloc: {setting.split("=")[0]} must be [^"]*\d"', errors[0])


def test_settings_can_be_edited_in_the_header(one_file, tmp_path):
    folder = tmp_path / "edited"
    shutil.copytree(one_file, folder)
    header = folder / "my_alloc.h"
    header.write_text(header.read_text().replace("#define NUM_CLASSES 10", "#define NUM_CLASSES 0"))
    assert "NUM_CLASSES must be" in run("gcc", "my_alloc.c", cwd=folder).stderr


@pytest.mark.parametrize("alignment, known", [(8, [8]), (16, [8, 16])])
def test_the_compiler_relies_on_the_alignment(alignment, known, compat, tmp_path):
    """gcc drops a test for a multiple that it knows to be true, and keeps any other."""
    for multiple in (8, 16):
        source = tmp_path / "rely.c"
        source.write_text('#include "my_alloc.h"\nvoid unaligned(void);\nint main(void)\n{\n'
                          f'if ((unsigned long)my_alloc(10) % {multiple})\nunaligned();\n}}\n')
        done = run("gcc", "-O2", f"-I{ROOT / 'compat'}", f"-DALIGNMENT={alignment}", source,
                   compat / "libmy_alloc.a", "-o", tmp_path / "rely")
        assert (done.returncode == 0) == (multiple in known), done.stderr


def test_as_many_classes_as_may_be_asked_for(compat, tmp_path):
    passes(program("my_alloc", "segregation", tmp_path, "-DNUM_CLASSES=64",
                   compat / "libmy_alloc.a"))


def test_the_setting_of_one_thread_takes_nothing_away(one_file, tmp_path):
    """THREAD_SAFE=0: threads are still safe, and a single thread takes no lock either way."""
    single = tmp_path / "my_alloc.o"
    subprocess.run(["gcc", "-DTHREAD_SAFE=0", "-c", "my_alloc.c", "-o", single], cwd=one_file,
                   check=True)
    passes(compiled(FAMILY / "threads.c", tmp_path / "threads", *as_wrapper("my_alloc"), single))
    passes(program("my_alloc", "parallel", tmp_path, single))


def test_the_threshold_is_the_librarys(tmp_path):
    done = compile_header("memory_allocator.h", "MMAP_THRESHOLD=65536", tmp_path)
    assert done.returncode != 0 and "MMAP_THRESHOLD is 131072" in done.stderr
    assert compile_header("memory_allocator.h", "MMAP_THRESHOLD=131072", tmp_path).returncode == 0


# ---- what the documents name ----------------------------------------------------------------

def test_make_tests():
    """`make tests` runs this file."""
    done = run("make", "-n", "tests", cwd=ROOT)
    assert (done.returncode, done.stderr) == (0, "")
    assert "-m pytest -q tests/test_wrappers.py" in done.stdout


def test_each_promise_names_a_test_that_there_is():
    page = (ROOT / "docs" / "wrappers.md").read_text()
    section = page.split("\n## What keeps each promise\n")[1].split("\n## ")[0]
    rows = [row.split("|")[3] for row in section.splitlines()
            if re.match(r"\| (?!.*promises)", row)]
    named = [re.findall(r"`(test_\w+|[\w-]+\.c)`", tests) for tests in rows]
    assert len(named) == 20 and all(named)
    known = {path.name for path in SOURCES.glob("*.c")} | set(globals())
    assert {test for tests in named for test in tests} - known == set()


# ---- my_alloc in one file -------------------------------------------------------------------

def test_one_command(one_file):
    """The documented command works in a folder that holds only those two files."""
    assert sorted(path.name for path in one_file.iterdir()) == ["my_alloc.c", "my_alloc.h"]
    done = run("sh", "-c", "gcc my_alloc.c -o my_alloc && ./my_alloc && rm my_alloc", cwd=one_file)
    assert (done.stdout, done.stderr) == ("168 primes up to 1000, the last is 997\n", "")


def test_the_one_file_leaves_malloc_alone(one_file, osmalloc, tmp_path):
    """It defines none of the family's names, and the main() of a program replaces its own."""
    subprocess.run(["gcc", "-c", one_file / "my_alloc.c", "-o", tmp_path / "my_alloc.o"],
                   check=True)
    shown = run("nm", "-g", "--defined-only", tmp_path / "my_alloc.o").stdout
    family = run("nm", "-D", "--defined-only", osmalloc / "libosmalloc.so").stdout
    defined, family = (set(re.findall(r" [A-Z] (\w+)$", text, re.M)) for text in (shown, family))
    assert "my_alloc" in defined and "malloc" in family
    assert defined & family == set()
    own = tmp_path / "own.c"
    own.write_text('#include "my_alloc.h"\nint main(void)\n{\nfreee(my_alloc(5));\nreturn 3;\n}\n')
    subprocess.run(["gcc", f"-I{one_file}", own, one_file / "my_alloc.c", "-o", tmp_path / "own"],
                   check=True)
    assert run(tmp_path / "own").returncode == 3


# ---- the contract's engine with an alignment of 16 -----------------------------------------

def test_the_engine_is_the_contracts_but_for_the_alignment(tmp_path, monkeypatch):
    """With 16 for 8 in the model's A(n) and S1, random sequences differ nowhere."""
    def aligned(n):
        return (n + 15) // 16 * 16
    for module in (model, sequences):
        monkeypatch.setattr(module, "aligned", aligned)
    monkeypatch.setattr(model, "MIN_SPLIT", model.HEADER + 16)
    built = replay.build_with({"ALIGNMENT": "16UL"}, tmp_path)
    with replay.Replay(*built) as driver:
        test_random.test_long_sequences(driver)
