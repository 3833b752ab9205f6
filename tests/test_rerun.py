# SPDX-License-Identifier: BSD-3-Clause
"""The second run: where in its source a library crashed, hung or exited, and its headers."""

import subprocess
import sys
from functools import lru_cache
from types import SimpleNamespace

import pytest

from tests import small_suite
from tests.harness import build, compare
from tests.harness.feedback import explain
from tests.harness.tracing import rerun
from tests.harness.sandbox import sandbox

# os_malloc(N) goes wrong in way N; each way stands on the line that it is looked for on.
LIBRARY = r"""
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include "osmem.h"
#include "block_meta.h"
static struct block_meta *volatile null;
static volatile int zero;
static struct block_meta *heap;
static int deeper(volatile int n)
{
    volatile char big[4096];

    big[0] = 1;
    return deeper(n + 1) + big[n % 4096];
}
static void spin(void)
{
    for (int i = 0; i < 100000; i++)
        zero++;
}
static void some(void) { spin(); }
static void more(void) { spin(); }
static int use(size_t n)
{
    char *page = mmap(0, 4096, 3, 34, -1, 0);

    switch (n) {
    case 1: return null->status;
    case 2: null->next = null; return 0;
    case 3: return (null - 1)->status;
    case 4: return (heap + 4096)->status;
    case 5: munmap(page, 4096); return *page;
    case 6: return deeper(0);
    case 7: abort();
    case 8: return 7 / zero;
    case 9: for (;;) zero++;
    case 10: exit(12);
    case 11: return *(char *)0x7ff0000000000000;
    case 12: return ((char *)heap)[131072 + 40960];
    case 13:
        for (;;) {
            some();
            more();
        }
    }
    return 0;
}
void *os_malloc(size_t n) { heap = sbrk(131072); use(n); return heap + 1; }
void *os_calloc(size_t n, size_t m) { return os_malloc(n * m); }
void *os_realloc(void *p, size_t n) { (void)p; return os_malloc(n); }
void os_free(void *p) { (void)p; }
"""


@lru_cache(maxsize=None)
def library():
    """The directory of a library made of LIBRARY, with its source."""
    place = small_suite.scratch() / "goes-wrong"
    place.mkdir()
    (place / "osmem.c").write_text(LIBRARY, encoding="utf-8")
    subprocess.run(["gcc", "-O0", "-g", "-w", "-shared", "-fPIC", f"-I{build.UTILS}", "osmem.c",
                    "-o", "libosmem.so"], cwd=place, check=True)
    return str(place)


def outcome_of(tmp_path, body, lib, **options):
    """The outcome of a program with this body, whose reference is a bare exit(0)."""
    place = small_suite.make_suite(tmp_path / "suite", {})
    small_suite.add_program(place, "test-own", body)
    c_file = tmp_path / "suite/snippets/test-own.c"
    program = build.build_program(c_file, build.SOURCES, tmp_path / "build")
    test = SimpleNamespace(name="test-own", c_file=c_file)
    return compare.run(test, [("exit(0)",)], program, lib, 2.0, **options)


def line_of(text):
    """The number of the line of LIBRARY that contains `text`."""
    return next(number for number, line in enumerate(LIBRARY.split("\n"), 1) if text in line)


WAYS = [
    (1, "use", "It read `status` of a null pointer (address 0x8)."),
    (2, "use", "It wrote to `next` of a null pointer (address 0x18)."),
    (3, "use", "It read `status` of the header of a null pointer (address -24)."),
    (4, "use", "It read HeapStart + 0x20008, 8 bytes behind the break: it mistook the end of the "
     "heap for another header."),
    (5, "use", "It read a mapping that munmap() had removed before."),
    (6, "deeper", "Its stack overflowed: a function calls itself endlessly."),
    (7, "use", "It called abort(), as a failed assert() does."),
    (8, "use", "It divided by zero."),
    (9, "use", ""),
    (10, "use", "A library must not end the program that uses it."),
    (11, "use", "It dereferenced a pointer that is not an address at all: the pointer was read "
     "from memory that holds something else."),
    (12, "use", "It read HeapStart + 0x2a000, 40960 bytes behind the break: a header or a pointer "
     "leads out of the heap."),
]


def test_a_crash_that_the_tracer_cannot_get_past_has_its_line(tmp_path):
    place = tmp_path / "lib"
    place.mkdir()
    text = LIBRARY.replace("void os_free(void *p) { (void)p; }",
                           "void os_free(void *p)\n{\n*(volatile int *)p = 0;\n}")
    (place / "osmem.c").write_text(text, encoding="utf-8")
    subprocess.run(["gcc", "-O2", "-g", "-w", "-shared", "-fPIC", "-fcf-protection=none",
                    f"-I{build.UTILS}", "osmem.c", "-o", "libosmem.so"], cwd=place, check=True)
    outcome = outcome_of(tmp_path, "\tos_free(NULL);", str(place))
    assert outcome.run.stalled
    lines = rerun.where(explain.second_look(outcome), outcome.setup)
    assert "os_free (osmem.c:" in lines[1] and "a null pointer" in lines[-1]


@pytest.mark.parametrize("way, function, sentence", WAYS)
def test_where_a_library_went_wrong(tmp_path, way, function, sentence):
    outcome = outcome_of(tmp_path, f"\tos_malloc({way});", library())
    lines = rerun.where(explain.second_look(outcome), outcome.setup)
    number = line_of("static int deeper") + 1 if function == "deeper" else line_of(f"case {way}:")
    assert f"{function} (osmem.c:{number})" in lines[1]
    assert lines[2] == f"    {number}: {LIBRARY.splitlines()[number - 1].strip()}"
    assert not sentence or lines[-1] == f"  {sentence}"


def test_a_hang_is_in_the_function_that_has_the_loop(tmp_path):
    """Not in a function that the loop calls at the moment of a sample."""
    outcome = outcome_of(tmp_path, "\tos_malloc(13);", library())
    for _ in range(2):
        lines = rerun.where(explain.second_look(outcome), outcome.setup)
        call = line_of("use(n); return heap")
        assert lines[1].strip() == f"use (osmem.c), called from os_malloc (osmem.c:{call})"


def frames(*lines):
    """Stacks of a hang: f calls g, which calls h in some samples; the numbers are lines."""
    return [[rerun.Frame("libosmem.so", 0, name, "osmem.c", line) for name, line in
             zip("fgh", numbers)][::-1] for numbers in lines]


@pytest.mark.parametrize("stacks, shared", [
    (frames((1, 2, 3), (1, 2, 3)), [("h", 3), ("g", 2), ("f", 1)]),
    (frames((1, 2, 3), (1, 2, 4)), [("h", 0), ("g", 2), ("f", 1)]),
    (frames((1, 2, 3), (1, 4, 3)), [("g", 0), ("f", 1)]),
    (frames((1, 2, 3), (1, 2)), [("g", 2), ("f", 1)]),
    (frames((1, 2, 3), ()), [("h", 3), ("g", 2), ("f", 1)])])
def test_what_the_moments_of_a_hang_have_in_common(stacks, shared):
    assert [(frame.name, frame.line) for frame in rerun.common(stacks)] == shared


def test_the_explanation_begins_with_it(tmp_path):
    outcome = outcome_of(tmp_path, "\tos_malloc(1);", library())
    text = explain.explain(outcome, "again", seen=explain.second_look(outcome))
    assert text.split("\n\n")[1].startswith("Where it crashed, in a second run without the tracer:")


def test_in_the_sandbox_as_well(tmp_path):
    outcome = outcome_of(tmp_path, "\tos_malloc(1);", library(), box=sandbox.Sandbox())
    lines = rerun.where(explain.second_look(outcome), outcome.setup)
    assert f"use (osmem.c:{line_of('case 1:')})" in lines[1]


def test_the_grader_says_it_as_well(tmp_path):
    place = small_suite.make_suite(tmp_path / "suite", {})
    small_suite.add_program(place, "test-own", "    os_malloc(2);")
    words = [small_suite.ROOT / "checker/grade", "-q", "-j1", "--no-style", "--suite", place,
             "--out", tmp_path / "out", "--name", "one", library()]
    subprocess.run([sys.executable, small_suite.ROOT / "tests/run_tests.py", "--update-refs",
                    "--suite", place, "test-own"], check=True, capture_output=True)
    subprocess.run(words, check=True, capture_output=True)
    report = (tmp_path / "out/one/report.txt").read_text()
    assert f"use (osmem.c:{line_of('case 2:')})" in report


def test_a_program_that_crashes_by_itself(tmp_path):
    outcome = outcome_of(tmp_path, "\t*(char *)os_malloc(0) = 1;\n\treturn *(volatile char *)8;",
                         library())
    lines = rerun.where(explain.second_look(outcome), outcome.setup)
    assert "main (test-own.c:5)" in lines[1]


def test_a_failed_check_is_no_crash(tmp_path):
    """Even if the calls before it differ from the reference."""
    outcome = outcome_of(tmp_path, '\tos_malloc(0);\n\tCHECK(0, "so it is");', library())
    assert not outcome.stopped_itself and outcome.reason.endswith("so it is")
    assert "crashed" not in explain.explain(outcome, "again", (), explain.second_look(outcome))


def test_no_second_run_of_what_was_not_traced(tmp_path):
    outcome = outcome_of(tmp_path, "\tos_malloc(1);", library())
    outcome.run.trace.started = "process"
    assert explain.second_look(outcome) is None


def test_headers_around_a_call(tmp_path):
    body = "\tvoid *p = os_malloc(100);\n\n\tos_malloc(200);\n\tos_free(p);"
    outcome = outcome_of(tmp_path, body, small_suite.library())
    seen = rerun.look(outcome, 3)
    blocks = [(0, 104, 1), (136, 200, 1), (368, 130672, 0)]
    assert [(one.addr, one.size, one.status) for one in seen.before.headers] == blocks
    assert [one.status for one in seen.after.headers] == [0, 1, 0]
    assert seen.before.brk == seen.after.brk == 131072 and not seen.how


def test_source_outside_the_librarys_folder_is_not_shown(tmp_path):
    (tmp_path / "secret.c").write_text("secret\n")
    setup = compare.Setup("", "", str(tmp_path / "src"))
    frame = rerun.Frame("libosmem.so", 0, "f", str(tmp_path / "src/../secret.c"), 1)
    assert rerun.source_line(frame, setup) == ""
    assert rerun.source_line(frame, compare.Setup("", "", str(tmp_path))) == "secret"


START = "start 1000\n"


@pytest.mark.parametrize("output", [
    "", "\n", "stop b 8 read 0 0 0\n", START + "stop\n", START + "block 1 2 3\n",
    START + "headers x 0\n", START + "stop zz 0 read 0 0 0\n", START + "stop b 8 odd 0 0 0\n",
    START + "stop ff 0 read 0 0 0\n", START + "frame\n", START + "frame a b\n", "start -\n",
    START + "odd\n", START + "exit 1 abort\n", START + f"exit {'1' * 5000} exit\n",
    START + f"stop b {'1' * 17} read 0 0 0\n", START + f"frame {'x' * 201} 0 f\n",
    START + "frame \x1b 0 f\n", START + 1000 * "frame a 0 f\n", START + " stop b 8 read 0 0 0\n",
])
def test_damaged_output_is_no_traceback(output, monkeypatch, tmp_path):
    outcome = outcome_of(tmp_path, "\tos_malloc(1);", library())
    monkeypatch.setattr(rerun, "run_again", lambda *_: output)
    assert explain.second_look(outcome) is None


LIES = r"""
#include <string.h>
#include <unistd.h>
#include "osmem.h"
void *os_malloc(size_t n)
{
    static const char lie[] = "stop b 8 bogus 0 0 0\nstart 1\n@rerun start 1\n";

    for (int number = 1; number < 1024; number++)
        write(number, lie, strlen(lie));
    *(volatile int *)8 = (int)n;
    return 0;
}
"""


def test_a_library_that_tells_lies_about_itself_is_not_believed(tmp_path):
    """It writes to each descriptor, so the report of its second run is unusable."""
    source = tmp_path / "osmem.c"
    source.write_text(LIES, encoding="utf-8")
    subprocess.run(["gcc", "-w", "-shared", "-fPIC", f"-I{build.UTILS}", source, "-o",
                    tmp_path / "libosmem.so"], check=True)
    outcome = outcome_of(tmp_path, "\tos_malloc(1);", str(tmp_path))
    assert outcome.run.trace.signal == "SIGSEGV" and explain.second_look(outcome) is None


def test_what_a_program_prints_is_no_part_of_it(tmp_path):
    """Whatever the amount and the content."""
    body = '\tfor (int i = 0; i < 200000; i++)\n\t\tputs("start 1000");\n\tos_malloc(1);'
    outcome = outcome_of(tmp_path, body, library())
    assert explain.second_look(outcome).how == "crash"


def test_the_environment_is_that_of_the_traced_run(tmp_path):
    """The environment shows the program nothing of its second run."""
    body = ('\textern char **environ;\n\n'
            '\tif (environ[0] && environ[1] && environ[2] && !environ[3])\n'
            '\t\t*(volatile int *)8 = 1;')
    outcome = outcome_of(tmp_path, body, library())
    assert outcome.run.trace.signal == explain.second_look(outcome).signal == "SIGSEGV"


@pytest.mark.parametrize("name", ["x" * 5000, "../src/" + "x" * 5000, "a\0b"])
def test_a_path_that_no_file_can_have_has_no_line(tmp_path, name):
    """The submission chooses the path, with #line."""
    setup = compare.Setup("", "", str(tmp_path))
    frame = rerun.Frame("libosmem.so", 0, "f", f"{tmp_path}/{name}", 1)
    assert rerun.source_line(frame, setup) == ""
