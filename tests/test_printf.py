# SPDX-License-Identifier: BSD-3-Clause
"""utils/printf.c: the C library's text and results, one write a call, and no heap.

The comparison with the C library is in printf_table.c, the misbehaving write in
printf_write.c. The compiler is $CC, or gcc.
"""

import errno
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent
UTILS = TESTS.parent / "utils"
CC = os.environ.get("CC", "gcc").split()
STRICT = ["-std=gnu11", "-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Werror"]
SANITIZERS = ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
ERRNO_BEFORE = 77       # what printf_write.c sets errno to before it prints
NAMES = ["printf", "vprintf", "dprintf", "vdprintf", "snprintf", "vsnprintf"]

# The functions that printf.c may call: POSIX lists each as async-signal-safe, and none allocates.
# Those with two underscores are the names that compilers use with hardening on by default.
MAY_CALL = {"write", "memchr", "memcpy", "memset", "strchr", "strcspn", "strlen", "strnlen",
            "__errno_location", "__memcpy_chk", "__memset_chk", "__stack_chk_fail",
            "_GLOBAL_OFFSET_TABLE_"}

# Prints in every way, short and long, between its start and its end.
PROGRAM = """
#include <stdarg.h>
#include <stdlib.h>
#include "printf.h"

static int list(int fd, const char *format, ...)
{
    char text[64];
    va_list ap;
    int n;

    va_start(ap, format);
    n = vdprintf(fd, format, ap);
    va_end(ap);
    va_start(ap, format);
    n += vprintf(format, ap);
    va_end(ap);
    va_start(ap, format);
    n += vsnprintf(text, sizeof(text), format, ap);
    va_end(ap);
    return n;
}

int main(void)
{
    char text[64];
    int n = printf("hello %s %d %#x %p\\n", "world", 42, 0x2aU, (void *)text);

    n += dprintf(2, "%-5000s|%05000d\\n", "long", 7);
    n += snprintf(text, sizeof(text), "%c%c", 'a', 'b');
    n += list(2, "%ld %zu %s\\n", 1L, (size_t)2, "three");
    return n > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
"""


def compile_c(out, *arguments):
    """Run the compiler with warnings as errors; out is returned. Its messages fail the test."""
    command = [*CC, *STRICT, f"-I{UTILS}", "-o", str(out), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return out


def nm(*arguments):
    """Pairs (type letter, name) of the symbols that nm prints."""
    done = subprocess.run(["nm", *map(str, arguments)], capture_output=True, text=True, check=True)
    return [tuple(line.split()[-2:]) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    """A directory for what the tests of this file build."""
    return tmp_path_factory.mktemp("printf")


@pytest.fixture(scope="module")
def printf_object(build):
    """printf.c, compiled as the library compiles it."""
    return compile_c(build / "printf.o", "-O2", "-fPIC", "-fvisibility=hidden", "-Wformat=2",
                     "-c", UTILS / "printf.c")


@pytest.fixture(scope="module")
def write_program(build):
    """The program with the scripted write, not optimised: that needs most stack."""
    return compile_c(build / "write", "-O0", TESTS / "printf_write.c", UTILS / "printf.c")


# The table ----------------------------------------------------------------------------------------

@pytest.mark.parametrize("options", [["-O2"], SANITIZERS], ids=["plain", "sanitized"])
def test_text_and_result_are_those_of_the_c_library(build, options):
    """Every flag set x width x precision x length x conversion x edge value x buffer size."""
    program = compile_c(build / f"table{len(options)}", *options,
                        TESTS / "printf_table.c", UTILS / "printf.c")
    done = subprocess.run([program], capture_output=True, text=True, errors="replace", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    comparisons, differences = map(int, re.findall(r"\d+", done.stdout.splitlines()[-1]))
    assert comparisons > 1_000_000
    assert differences == 0


# Writes -------------------------------------------------------------------------------------------

def expected_text(kind, length):
    """What printf_write prints for KIND and LENGTH, as bytes."""
    if kind == "zeros":
        return b"0" * (length - 1) + b"7"
    if kind == "left":
        return b"x".ljust(length)
    if kind == "right":
        return b"x".rjust(length)
    return (b"abcdefghijklmnopqrstuvwxyz" * (length // 26 + 1))[:length]


def print_scripted(program, kind, length, script):
    """Run printf_write: (the bytes that it printed, [(asked, written)], result, errno, stack)."""
    done = subprocess.run([program, kind, str(length), script], capture_output=True, check=True)
    report = done.stderr.decode()
    writes = [(int(n), int(r)) for n, r in re.findall(r"^write (\d+) = (-?\d+)$", report, re.M)]
    result, error = map(int, re.search(r"^result (-?\d+) errno (\d+)$", report, re.M).groups())
    stack = re.search(r"^stack (\d+)$", report, re.M)
    return done.stdout, writes, result, error, int(stack.group(1)) if stack else 0


def header_number(name):
    """The value of a number that printf.h defines."""
    return int(re.search(rf"^#define {name} (\d+)$", (UTILS / "printf.h").read_text(), re.M)[1])


ATOMIC = header_number("PRINTF_ATOMIC")
KINDS = ["text", "zeros", "left", "right"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("length", [1, 2, ATOMIC - 1, ATOMIC])
def test_one_write_up_to_the_atomic_length(write_program, kind, length):
    """The whole text is in one write."""
    text, writes, result, error, _ = print_scripted(write_program, kind, length, "")
    assert text == expected_text(kind, length)
    assert writes == [(length, length)]
    assert (result, error) == (length, ERRNO_BEFORE)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("length", [ATOMIC + 1, 2 * ATOMIC, 2 * ATOMIC + 1, 5 * ATOMIC + 7])
def test_longer_text_goes_out_in_order_in_pieces(write_program, kind, length):
    """All pieces except the last have the atomic length."""
    text, writes, result, error, _ = print_scripted(write_program, kind, length, "")
    assert text == expected_text(kind, length)
    pieces = [ATOMIC] * (length // ATOMIC) + [length % ATOMIC] * (length % ATOMIC > 0)
    assert writes == [(piece, piece) for piece in pieces]
    assert (result, error) == (length, ERRNO_BEFORE)


def test_no_text_is_no_write(write_program):
    """An empty text needs no write, so it cannot fail."""
    text, writes, result, error, _ = print_scripted(write_program, "text", 0, "p")
    assert (text, writes, result, error) == (b"", [], 0, ERRNO_BEFORE)


@pytest.mark.parametrize("script", ["s", "i", "s" * 20, "iiiii", "sisisi", "is.is.is"])
@pytest.mark.parametrize("length", [1, 100, ATOMIC, 3 * ATOMIC + 1])
def test_short_and_interrupted_writes_are_carried_on(write_program, script, length):
    """Nothing is lost or repeated, and errno is as before although EINTR was in it."""
    text, writes, result, error, _ = print_scripted(write_program, "text", length, script)
    assert text == expected_text("text", length)
    assert sum(written for _, written in writes if written > 0) == length
    assert (result, error) == (length, ERRNO_BEFORE)


@pytest.mark.parametrize("script, out, writes, error", [
    ("p", 0, 1, errno.EPIPE),
    ("a", 0, 1, errno.EAGAIN),
    ("0", 0, 1, errno.EIO),
    ("ip", 0, 2, errno.EPIPE),
    ("i0", 0, 2, errno.EIO),
    ("sp", ATOMIC // 2, 2, errno.EPIPE),
    (".a", ATOMIC, 2, errno.EAGAIN),
    ("..p", 2 * ATOMIC, 3, errno.EPIPE),
])
@pytest.mark.parametrize("kind", KINDS)
def test_a_failing_write_ends_the_call(write_program, kind, script, out, writes, error):
    """-1 with write's errno; nothing printed is repeated, and no further write is tried."""
    length = 2 * ATOMIC + 10
    text, calls, result, actual_error, _ = print_scripted(write_program, kind, length, script)
    assert text == expected_text(kind, length)[:out]
    assert len(calls) == writes
    assert (result, actual_error) == (-1, error)


@pytest.mark.parametrize("length, pieces", [(ATOMIC, 0), (ATOMIC + 1, 1), (2 * ATOMIC + 1, 2)])
def test_an_overflow_ends_the_call(write_program, length, pieces):
    """-1 with EOVERFLOW; the pieces before it were printed, the text after them was not."""
    text, writes, result, error, _ = print_scripted(write_program, "overflow", length, "")
    assert text == expected_text("right", length)[:pieces * ATOMIC]
    assert writes == [(ATOMIC, ATOMIC)] * pieces
    assert (result, error) == (-1, errno.EOVERFLOW)


def run_with_output(program, descriptor, length="10"):
    """printf_write's report when its standard output is descriptor (None: closed)."""
    def close_output():
        os.close(1)
    done = subprocess.run([program, "text", length, ""], stdout=descriptor, stderr=subprocess.PIPE,
                          preexec_fn=close_output if descriptor is None else None, check=True)
    return done.stderr.decode()


def test_errors_of_the_kernel_are_reported(write_program):
    """A closed descriptor, a pipe that nobody reads, a full device."""
    assert f"result -1 errno {errno.EBADF}" in run_with_output(write_program, None)
    reader, writer = os.pipe()
    os.close(reader)
    assert f"result -1 errno {errno.EPIPE}" in run_with_output(write_program, writer)
    os.close(writer)
    with open("/dev/full", "wb") as full:
        assert f"result -1 errno {errno.ENOSPC}" in run_with_output(write_program, full)


@pytest.mark.parametrize("kind", KINDS)
def test_stack_use_is_as_documented(write_program, kind):
    """Measured where the stack is deepest, in write, without optimisation."""
    *_, stack = print_scripted(write_program, kind, 2 * ATOMIC + 10, "")
    assert ATOMIC < stack <= header_number("PRINTF_STACK")


# No heap ------------------------------------------------------------------------------------------

def test_library_exports_its_names_and_calls_nothing_that_could_allocate(printf_object):
    """Six weak functions with an underscore, no data of its own, a short list of callees."""
    symbols = nm(printf_object)
    assert {name for kind, name in symbols if kind == "W"} == {name + "_" for name in NAMES}
    assert {name for kind, name in symbols if kind == "U"} <= MAY_CALL
    assert not [name for kind, name in symbols if kind in "BCDGSbdgs"]


def test_source_includes_no_stdio_and_no_locale():
    """Not even for a declaration."""
    includes = re.findall(r'#include [<"](.*)[>"]', (UTILS / "printf.c").read_text())
    assert "printf.h" in includes
    assert not {"stdio.h", "locale.h", "wchar.h", "stdlib.h"} & set(includes)


def system_calls_of_main(program, report):
    """Names of the system calls that ltrace sees from the start of main to the end of program.

    ltrace 0.7.3 writes SYS_write(...), 0.7.91 write@SYS(...).
    """
    command = ["ltrace", "-S", "-x", "main", "-e", "main", "-o", str(report), str(program)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"ltrace failed: {done.stderr}"
    lines = report.read_text().splitlines()
    start = next(i for i, line in enumerate(lines) if "main(" in line)
    calls = re.findall(r"\bSYS_(\w+)|\b(\w+)@SYS", "\n".join(lines[start:]))
    return [older or newer for older, newer in calls]


def test_a_traced_program_shows_no_brk_or_mmap(build):
    """The same program with the C library's printf shows them, so the test would see them."""
    if not shutil.which("ltrace"):
        pytest.fail("ltrace is not installed; run make deps")
    source = build / "program.c"
    source.write_text(PROGRAM)
    ours = compile_c(build / "ours", "-O1", source, UTILS / "printf.c")
    theirs = compile_c(build / "theirs", "-O1", "-DOSMEM_PRINTF_NO_MACROS",
                       "-include", "stdio.h", source)
    assert set(system_calls_of_main(ours, build / "ours.ltrace")) == {"write", "exit_group"}
    assert {"brk", "mmap"} & set(system_calls_of_main(theirs, build / "theirs.ltrace"))


# The header ---------------------------------------------------------------------------------------

USES = """
__attribute__((format(printf, 1, 2))) int own(const char *format, ...);
int own(const char *format, ...)
{
    char text[9];
    va_list ap;
    va_start(ap, format);
    int n = vprintf(format, ap) + vdprintf(1, format, ap) + vsnprintf(text, 9, format, ap);
    va_end(ap);
    n += printf("%d", 1) + printf("plain") + dprintf(2, "%s", "");
    return n + snprintf(text, 9, "%u", 1U);
}
"""
INCLUDES = {
    "alone": '#include "printf.h"',
    "after": '#include <stdio.h>\n#include "printf.h"',
    "before": '#include "printf.h"\n#include <stdio.h>',
    "twice": '#include "printf.h"\n#include <stdio.h>\n#include <stdlib.h>\n#include "printf.h"',
}


@pytest.mark.parametrize("options", [["-O0"], ["-O2", "-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=2"]],
                         ids=["O0", "fortified"])
@pytest.mark.parametrize("order", INCLUDES)
def test_programs_calls_become_ours_wherever_stdio_is_included(tmp_path, order, options):
    """Neither a warning nor a call of the C library's functions is left."""
    source = tmp_path / "uses.c"
    source.write_text(INCLUDES[order] + USES)
    compiled = compile_c(tmp_path / "uses.o", *options, "-c", source)
    called = {name for kind, name in nm(compiled) if kind == "U"}
    assert called - {"__stack_chk_fail", "_GLOBAL_OFFSET_TABLE_"} == {name + "_" for name in NAMES}


@pytest.mark.parametrize("order", INCLUDES)
def test_switch_leaves_the_names_alone(tmp_path, order):
    """With OSMEM_PRINTF_NO_MACROS, the usual names are the C library's."""
    source = tmp_path / "uses.c"
    source.write_text(INCLUDES[order] + "\n#include <stdio.h>\n#include <stdarg.h>\n" + USES)
    compiled = compile_c(tmp_path / "uses.o", "-DOSMEM_PRINTF_NO_MACROS", "-O0", "-c", source)
    called = {name for kind, name in nm(compiled) if kind == "U"}
    assert {"vprintf", "snprintf", "dprintf"} <= called
    assert not {name for name in called if name.endswith("printf_")}


@pytest.mark.parametrize("includes", [
    '#include "printf.h"\n#include <cstdio>\n#include <string>\n#include <iostream>',
    '#include <iostream>\n#include <stdio.h>\n#include "printf.h"',
], ids=["before", "after"])
def test_header_is_good_for_cxx(tmp_path, includes):
    """Among the standard headers, and linked with the C functions' names."""
    source = tmp_path / "uses.cc"
    source.write_text(includes + USES)
    compiled = tmp_path / "uses.o"
    command = ["g++", "-Wall", "-Wextra", "-Wpedantic", "-Werror", f"-I{UTILS}", "-c",
               str(source), "-o", str(compiled)]
    if not shutil.which("g++"):
        pytest.skip("g++ is not installed: the header is not tried with C++")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert {("U", name + "_") for name in NAMES} <= set(nm(compiled))


@pytest.mark.parametrize("call", ['printf("%d", "text")', 'dprintf(1, "%s", 1)',
                                  'snprintf((char *)0, 0, "%d")'])
def test_compiler_checks_the_arguments(tmp_path, call):
    """The format attribute is on the declarations."""
    source = tmp_path / "wrong.c"
    source.write_text(f'#include "printf.h"\nint main(void) {{ return {call}; }}\n')
    done = subprocess.run([*CC, *STRICT, f"-I{UTILS}", "-fsyntax-only", str(source)],
                          capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "-Werror" in done.stderr and "format" in done.stderr
