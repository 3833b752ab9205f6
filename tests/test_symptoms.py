# SPDX-License-Identifier: BSD-3-Clause
"""What several failures have in common is explained once, however it is that they fail."""

import re
import subprocess
from functools import lru_cache

import pytest

from tests import small_suite, submit
from tests.harness.tracing import runner

MALLOC, FREE = "void *os_malloc(size_t size)\n{\n", "void os_free(void *ptr)\n{\n"
# What is put at the beginning of a function of a library that is right without it.
PRINTS = (MALLOC, '\tprintf("os_malloc(%d)\\n", (int)size);\n')
STDIO = (MALLOC, '\tvoid *puts_it = stdout;\n\n\t(fputs)("os_malloc\\n", puts_it);\n')
CRASHES = (FREE, "\tif (ptr)\n\t\t*(volatile int *)0 = 1;\n")
EXITS = (MALLOC, "\tif (size)\n\t\texit(3);\n")
BREAKS = (MALLOC, "\tif (size && brk((void *)((1L << 62) + 4096)) < 0)\n\t\texit(3);\n")
DIES = (MALLOC, "\tif (size && syscall(SYS_munmap, 1, 1) < 0)\n\t\texit(3);\n")
HANGS = (FREE, "\tvolatile int on = 1;\n\n\twhile (ptr && on)\n\t\ton = 1;\n")


def text_of(place, line, mistake="NONE"):
    """The text of a library with one more line at the beginning of a function."""
    text = submit.naive(mistake)
    assert place in text
    head = "#define _GNU_SOURCE\n#include <stdio.h>\n#include <stdlib.h>\n"
    return head + text.replace(place, place + line)


@lru_cache(maxsize=None)
def library(text):
    """The directory of a libosmem.so made of this text, osmem.c."""
    place = small_suite.scratch() / f"symptom-{abs(hash(text))}"
    place.mkdir()
    (place / "osmem.c").write_text(text, encoding="utf-8")
    subprocess.run(["gcc", "-O1", "-g", "-w", "-shared", "-fPIC",
                    f"-I{small_suite.ROOT / 'utils'}", "osmem.c",
                    small_suite.ROOT / "utils/printf.c", "-o", "libosmem.so"],
                   cwd=place, check=True)
    return place


def run(change, *words):
    """What run_tests.py prints on a part of the suite with such a library."""
    text = change if isinstance(change, str) else text_of(*change)
    done = small_suite.run("--suite", small_suite.part_suite(), "--library", library(text), *words)
    assert (done.returncode, done.stderr) == (1, "")
    return done.stdout


def test_a_printf_is_one_mistake():
    """It fails every program here, is explained once, and costs what one cause costs."""
    out = run(PRINTS)
    assert "1 mistake explains 6 of 6 failures." in out
    assert out.count("Y1: the library prints inside its calls") == 1
    assert "First call that differs" not in out and "6 failures are explained above" in out
    assert "Total by cause: 17/20: counts only if your course says so." in out


def test_a_printf_hides_no_other_mistake():
    out = run(text_of(*PRINTS, "NO_PREALLOCATION"))
    assert "2 mistakes explain 6 of 6 failures." in out
    assert "  2. F1: the library grows the heap only by what the first request needs" in out, \
        "each cause in a line, before any in full"
    assert "\n2. F1: the library grows the heap only by what the first request needs" in out
    assert "Total by cause: 14/20:" in out


@pytest.mark.parametrize("change, sentence, shown", [
    (STDIO, "makes system calls that no allocator needs: `newfstatat`", "newfstatat(...)"),
    (CRASHES, "the library crashes with SIGSEGV in os_free (osmem.c:{line})",
     "{line}: *(volatile int *)0 = 1;"),
    (EXITS, "the library ends the program in os_malloc (osmem.c:{line})",
     "exit(3), called from os_malloc (osmem.c:{line})"),
    (HANGS, "the library hangs in os_free (osmem.c)", "Where it was after")])
def test_one_end_of_many_programs_is_explained_once(change, sentence, shown):
    """What a program would have done after it is not known: it gets no points back."""
    text = text_of(*change)
    line = text[:text.index(change[1])].count("\n") + change[1].count("\n")
    words = " ".join(run(change, "--timeout", "2" if change is HANGS else "5").split())
    words = words.replace("`fstat`", "`newfstatat`").replace(" fstat(", " newfstatat(")
    assert "1 cause explains 6 of 6 failures." in words
    assert words.count(sentence.format(line=line)) == 1 and shown.format(line=line) in words
    assert "Total by cause" not in words and "rerun.so" not in words


def test_a_failure_that_is_asked_for_says_as_above():
    out = run(CRASHES, "free-unmaps", "free-null")
    assert out.count("As above:\n  1. the library crashes with SIGSEGV in os_free") == 2
    assert out.count("Where it crashed") == 1


def test_the_rule_of_a_refused_call_is_named_only_where_one_was_refused():
    reason = f"called exit(3) inside os_malloc(1000): {runner.NO_EXIT}"
    assert f"{reason}\n" in run(EXITS, "malloc-first-use-preallocates")
    for change in (DIES, BREAKS):
        assert f"{reason}; {runner.REFUSED}\n" in run(change, "malloc-first-use-preallocates")
    assert "(B1)" in runner.REFUSED and "(B1)" not in runner.NO_EXIT


def test_functions_that_are_not_written_say_where_to_begin():
    """No mistake is looked for in what is not there."""
    out = " ".join(run(submit.STUB).split())
    assert 'os_malloc returned NULL in 6 programs: not written yet? Begin with step 1 of "A good ' \
        'order" in the README.md of your folder' in out
    assert "W5" not in out and "rules of docs/contract.md" not in out


def test_the_grader_explains_them_alike(tmp_path):
    made = submit.result_of(tmp_path / "prints", text_of(*PRINTS))
    assert [(cause["rule"], cause["proved"]) for cause in made.causes] == [("Y1", True)]
    assert made.score == 0 and made.score_by_cause == 76.5
    made = submit.result_of(tmp_path / "crashes", text_of(*CRASHES))
    assert [(cause["rule"], cause["proved"]) for cause in made.causes] == [("", False)]
    assert made.score == made.score_by_cause == 0
    assert all("As above" in test.output and "Difference (" not in test.output
               for test in made.tests)


def test_a_printf_is_named_once_and_first():
    """Also where the rest of a trace is not explained, and where other mistakes are."""
    text = text_of(*PRINTS, "NO_PREALLOCATION")
    out = run(text.replace(FREE, FREE + "\tif (!ptr)\n\t\tsbrk(64);\n"))
    assert set(re.findall(r"^ +(\d)\. Y1: ", out, re.MULTILINE)) == {"1"}


def test_the_example_of_an_unwritten_function_is_a_call_of_it():
    begin = "void *os_realloc(void *ptr, size_t size)\n{\n"
    text = submit.naive("NO_PREALLOCATION").replace(begin, begin + "\treturn NULL;\n")
    done = small_suite.run("--library", library(text), "realloc-*")
    told = done.stdout[done.stdout.index("\n1. os_realloc returned NULL in"):]
    assert re.search(r"For example \S+, event \d+, os_realloc\(", told.split("\n2. ")[0]), told


def test_one_program_is_enough_for_a_second_unwritten_function():
    out = small_suite.run("--library", library(submit.STUB)).stdout
    assert "os_realloc returned NULL in 1 program: not written yet?" in out and "F1:" not in out


@pytest.mark.parametrize("result, says", [
    ("sbrk(64)", "W5: os_malloc returns a block for a size that cannot exist, near SIZE_MAX"),
    ("(sbrk(64), (void *)0)", "W5: os_malloc returns NULL without setting errno to ENOMEM for a")])
def test_a_size_that_is_not_refused_is_explained_by_its_function(tmp_path, result, says):
    """However the size wraps around: no model of a mistake moves the break by 64 bytes."""
    change = (MALLOC, f"\tif (size > 1UL << 62)\n\t\treturn {result};\n")
    suite = small_suite.make_suite(tmp_path / "suite", {"test-malloc-impossible-size": 1})
    out = small_suite.run("--suite", suite, "--library", library(text_of(*change))).stdout
    assert says in out and "1 cause explains 1 of 1 failure." in out
